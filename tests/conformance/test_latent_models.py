"""What every registered latent-variable model promises, without naming a family."""

import json

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import models
from flowmc.core.errors import ModelError
from flowmc.core.types import DensityModel, LatentModel
from tests.conformance.families import build, normal
from tests.conformance.latent_families import (
    LATENT_FAMILIES,
    joint_points,
    latent_cases,
    make_case,
    mean_and_error,
)

every_case = pytest.mark.parametrize(
    ("family", "size", "variant"), latent_cases(1, 2, 5)
)
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture
def case(family, size, variant):
    """A model whose weights were moved."""
    return make_case(family, size, variant)


def base_log_prob(u):
    return stats.norm.logpdf(np.asarray(u)).sum(axis=-1)


def test_there_is_a_latent_family():
    assert LATENT_FAMILIES


@every_case
def test_is_a_latent_model_and_no_density(case):
    assert isinstance(case, LatentModel)
    assert not isinstance(case, DensityModel)
    assert not hasattr(case, "log_prob")
    assert 1 <= case.latent_size <= case.event_size


@every_case
def test_decoder_is_an_affine_map_of_noise(case):
    z, x = joint_points(case, 12)
    e, inverse_log_det = case.x_to_noise(x, z)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(e)
        back, log_det = case.noise_to_x(e, z)
    np.testing.assert_allclose(back, x, **CLOSE)
    np.testing.assert_allclose(log_det, -inverse_log_det, **CLOSE)
    jacobian = tape.batch_jacobian(back, e, experimental_use_pfor=False)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], **CLOSE)
    doubled = case.noise_to_x(2.0 * e, z)[0] + case.noise_to_x(0.0 * e, z)[0]
    np.testing.assert_allclose(doubled, 2.0 * x, **CLOSE)
    np.testing.assert_allclose(
        case.log_decoder(x, z), base_log_prob(e) + inverse_log_det, **CLOSE
    )


@every_case
def test_decode_and_encode_are_the_distributions_that_are_scored(case):
    z, x = joint_points(case, 12)
    np.testing.assert_allclose(
        case.decode(z).log_prob(x), case.log_decoder(x, z), **CLOSE
    )
    codes, log_r = case.sample_encoder(x, seed=3, num=4)
    assert codes.shape == (4, 12, case.latent_size)
    np.testing.assert_allclose(case.log_encoder(codes, x), log_r, **CLOSE)
    np.testing.assert_allclose(case.encode(x).log_prob(codes), log_r, **CLOSE)
    # Codes from elsewhere, one for each point.
    np.testing.assert_allclose(
        case.log_encoder(z, x), case.encode(x).log_prob(z), **CLOSE
    )
    np.testing.assert_allclose(case.prior.log_prob(z), case.log_prior(z), **CLOSE)
    assert case.encode(x).sample(3, seed=(1, 2)).shape == (3, 12, case.latent_size)
    assert case.decode(z).sample(3, seed=(1, 2)).shape == (3, 12, case.event_size)


@every_case
def test_prior_is_a_map_of_standard_normal_codes(case):
    z, _ = joint_points(case, 12)
    u, log_det = case.prior_inverse_and_log_det(z)
    back, forward_log_det = case.prior_forward_and_log_det(u)
    np.testing.assert_allclose(back, z, **CLOSE)
    np.testing.assert_allclose(forward_log_det, -log_det, **CLOSE)
    np.testing.assert_allclose(case.log_prior(z), base_log_prob(u) + log_det, **CLOSE)


@every_case
def test_encoder_integrates_to_one(case):
    _, x = joint_points(case, 1)
    draws = case.sample_encoder(x, seed=4, num=2000)[0][:, 0].numpy()
    shape = 2.0 * np.atleast_2d(np.cov(draws.T))
    wide = stats.multivariate_t(draws.mean(axis=0), shape, df=3, seed=5)
    z = wide.rvs(20_000).reshape(-1, case.latent_size)
    ratio = np.exp(case.log_encoder(z[:, None], x)[:, 0] - wide.logpdf(z))
    mean, error = mean_and_error(ratio)
    assert error < 0.05
    assert abs(mean - 1.0) < 4.0 * error


@every_case
def test_weights_are_unbiased_estimates_of_a_density(family, size, variant):
    # Nearly exact encoders: the weights of poor ones scatter beyond all bounds.
    case = make_case(family, size, variant, strength=0.03)
    draws = case.sample(4000, seed=4).numpy()
    shape = 2.0 * np.atleast_2d(np.cov(draws.T))
    wide = stats.multivariate_t(draws.mean(axis=0), shape, df=3, seed=5)
    x = wide.rvs(20_000).reshape(-1, case.event_size)
    bound = case.iwae_bound(x, num_importance=8, seed=6)
    mean, error = mean_and_error(np.exp(bound.numpy() - wide.logpdf(x)))
    assert error < 0.1
    assert abs(mean - 1.0) < 4.0 * error


@pytest.mark.parametrize(("family", "size", "variant"), latent_cases(2, 5))
def test_gradients_reach_every_weight_that_matters(case):
    z, x = joint_points(case, 100)
    factors = tf.constant(normal(3, 100))

    def values():
        log_r = case.log_encoder(z, x)
        return tf.stack([case.log_prior(z), case.log_decoder(x, z), log_r])

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(factors * values())
    before = values().numpy()
    gradients = tape.gradient(total, case.trainable_variables)
    for variable, gradient in zip(case.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        has_none = gradient.numpy() == 0.0
        assert not has_none.all(), variable.name
        variable.assign(np.where(has_none, 7.0, variable.numpy()))
    np.testing.assert_array_equal(values(), before)


@every_case
def test_gradients_flow_through_codes(case):
    _, x = joint_points(case, 10)
    with tf.GradientTape() as tape:
        codes, log_r = case.sample_encoder(x, seed=1)
        value = tf.reduce_sum(log_r) + tf.reduce_sum(tf.square(codes))
    found = tape.gradient(value, case.trainable_variables)
    found = [gradient for gradient in found if gradient is not None]
    assert found
    assert all(np.isfinite(gradient).all() for gradient in found)


@every_case
def test_same_seed_same_draw(case):
    _, x = joint_points(case, 5)
    draws = [
        lambda seed: case.sample(10, seed=seed),
        lambda seed: case.sample_prior(10, seed=seed),
        lambda seed: case.sample_encoder(x, seed=seed)[0],
        lambda seed: case.iwae_bound(x, seed=seed),
        lambda seed: case.elbo(x, seed=seed).bound,
    ]
    for draw in draws:
        first = draw(7)
        tf.random.set_seed(3)
        np.testing.assert_array_equal(draw(7), first)
        assert np.all(draw((1, 3)) != first)


@every_case
def test_save_and_load(case, tmp_path):
    models.save_model(case, tmp_path / "model.h5")
    loaded = models.load_model(tmp_path / "model.h5")
    assert loaded.description == json.loads(json.dumps(case.description))
    z, x = joint_points(case, 10)
    for name, arguments in (("log_decoder", (x, z)), ("log_encoder", (z, x))):
        again = getattr(loaded, name)(*arguments)
        np.testing.assert_array_equal(again, getattr(case, name)(*arguments))
    np.testing.assert_array_equal(loaded.sample(5, seed=1), case.sample(5, seed=1))
    assert repr(loaded) == repr(case)


@every_case
def test_untrained_is_the_standard_normal_with_a_tight_bound(family, size, variant):
    model = build(family, size, **variant)
    x = 2.0 * normal(20, size)
    for num in (1, 3):
        bound = model.iwae_bound(x, num_importance=num, seed=num)
        np.testing.assert_allclose(bound, base_log_prob(x), rtol=1e-12)


@every_case
def test_a_thousand_sd_is_finite(case):
    z, x = joint_points(case, 20)
    far_x = tf.constant(1000.0 * np.asarray(x))
    far_z = tf.constant(1000.0 * np.asarray(z))
    with tf.GradientTape() as tape:
        tape.watch([far_x, far_z])
        values = [
            case.log_prior(far_z),
            case.log_decoder(far_x, far_z),
            case.log_encoder(far_z, far_x),
            *case.noise_to_x(far_x, far_z),
        ]
        total = tf.add_n([tf.reduce_sum(value) for value in values])
    assert np.isfinite(total)
    for gradient in tape.gradient(total, [far_x, far_z]):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("family", "size", "variant"), latent_cases(3))
def test_wrong_sizes_are_named(case):
    with pytest.raises(ModelError, match="`event_size`"):
        case.encode(np.zeros((2, case.event_size + 1)))
    with pytest.raises(ModelError, match="`latent_size`"):
        case.decode(np.zeros((2, case.latent_size + 1)))
