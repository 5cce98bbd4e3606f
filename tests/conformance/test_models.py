"""What every registered flow family promises, tested without naming a family."""

import json

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import models
from tests.conformance.families import (
    FAMILIES,
    assert_draws_follow,
    build,
    cases,
    normal,
    points,
    trained,
)

CASES = cases(1, 2, 5)
# float32 networks see rounded inputs: the map is as exact as they are.
TOLERANCE = {"float64": 1e-10, "float32": 2e-4}


@pytest.fixture(params=["untrained", "trained"])
def train(request):
    return trained if request.param == "trained" else lambda model: model


@pytest.fixture
def case(family, size, dtype):
    """A model, and how exactly its map must close."""
    return build(family, size, dtype=dtype), TOLERANCE[dtype]


every_case = pytest.mark.parametrize(("family", "size", "dtype"), CASES)


@every_case
def test_round_trip(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    z = normal(64, model.event_size)
    x, forward_log_det = model.forward_and_log_det(z)
    back, inverse_log_det = model.inverse_and_log_det(x)
    np.testing.assert_allclose(back, z, atol=tolerance)
    np.testing.assert_allclose(forward_log_det, -inverse_log_det, atol=tolerance)
    again, _ = model.forward_and_log_det(model.inverse_and_log_det(x)[0])
    np.testing.assert_allclose(again, x, atol=10.0 * tolerance)


@every_case
def test_log_det_is_that_of_the_autodiff_jacobian(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    z = tf.constant(normal(12, model.event_size))
    for mapping in (model.forward_and_log_det, model.inverse_and_log_det):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            image, log_det = mapping(z)
        jacobian = tape.batch_jacobian(image, z, experimental_use_pfor=False)
        _, expected = np.linalg.slogdet(jacobian.numpy())
        np.testing.assert_allclose(log_det, expected, atol=tolerance)


@every_case
def test_log_prob_is_the_change_of_variables(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    x = points(model, 20)
    z, log_det = model.inverse_and_log_det(x)
    base = stats.norm.logpdf(z.numpy()).sum(axis=-1)
    np.testing.assert_allclose(model.log_prob(x), base + log_det, rtol=1e-12)
    draws, log_prob = model.sample_and_log_prob(50, seed=(1, 2))
    np.testing.assert_allclose(model.log_prob(draws), log_prob, atol=10.0 * tolerance)


@pytest.mark.parametrize("base", ["normal", "student_t"])
@every_case
def test_density_integrates_to_one(family, size, dtype, base):
    # Mild weights: the wide density must cover the model, or the test has no power.
    model = trained(build(family, size, dtype=dtype, base=base), strength=0.1)
    draws = model.sample(4000, seed=(3, 4)).numpy()
    # Wider than the model in scale and, with 2 degrees of freedom, in its tails.
    wide = stats.multivariate_t(
        np.median(draws, axis=0), 1.5 * robust_covariance(draws), df=2, seed=5
    )
    x = wide.rvs(20_000).reshape(-1, size)
    weight = np.exp(model.log_prob(x).numpy() - wide.logpdf(x))
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.05
    assert abs(weight.mean() - 1.0) < 4.0 * error


def robust_covariance(draws):
    inner = draws[np.abs(draws - np.median(draws, axis=0)).max(axis=1).argsort()]
    return np.atleast_2d(np.cov(inner[: int(0.95 * len(inner))].T))


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_follow_the_density(family):
    model = trained(build(family, 3), strength=0.05)
    x, log_prob = model.sample_and_log_prob(20_000, seed=(5, 6))
    assert_draws_follow(x.numpy(), log_prob.numpy())


@pytest.mark.parametrize(("family", "size", "dtype"), cases(2, 5))
def test_gradients_reach_every_weight_that_matters(family, size, dtype):
    model = trained(build(family, size, dtype=dtype))
    x, factor = points(model, 100), normal(100)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(factor * model.log_prob(x))
    before = model.log_prob(x).numpy()
    gradients = tape.gradient(value, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        has_none = gradient.numpy() == 0.0
        assert not has_none.all(), variable.name
        variable.assign(np.where(has_none, 7.0, variable.numpy()))
    # Entries without a gradient are masked: they may be anything.
    np.testing.assert_array_equal(model.log_prob(x), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_flow_through_draws(family):
    model = trained(build(family, 3))
    with tf.GradientTape() as tape:
        x, log_prob = model.sample_and_log_prob(20, seed=(1, 2))
        value = tf.reduce_sum(log_prob) + tf.reduce_sum(tf.square(x))
    gradients = tape.gradient(value, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient.numpy()).all()


@every_case
def test_same_seed_same_draw(case):
    model = trained(case[0])
    draws = model.sample(10, seed=(1, 2))
    tf.random.set_seed(3)
    np.testing.assert_array_equal(model.sample(10, seed=np.array([1, 2])), draws)
    assert np.all(model.sample(10, seed=(1, 3)) != draws)


@pytest.mark.parametrize("base", ["normal", "student_t"])
@every_case
def test_save_and_load(family, size, dtype, base, tmp_path):
    model = trained(build(family, size, dtype=dtype, base=base))
    models.save_model(model, tmp_path / "model.h5")
    loaded = models.load_model(tmp_path / "model.h5")
    x = points(model, 10)
    assert loaded.description == model.description
    np.testing.assert_array_equal(loaded.log_prob(x), model.log_prob(x))
    np.testing.assert_array_equal(
        loaded.sample(5, seed=(1, 2)), model.sample(5, seed=(1, 2))
    )


@every_case
def test_a_thousand_sd_is_finite(case, train):
    model = case[0]
    train(model)
    z = 1000.0 * np.sign(normal(50, model.event_size))
    x, log_det = model.forward_and_log_det(z)
    assert np.isfinite(x).all()
    assert np.isfinite(log_det).all()
    location, scale = model.forward_and_log_det(0.0 * z)[0].numpy(), z / 1000.0
    far = tf.constant(location + 1000.0 * np.abs(points(model, 50)).max(axis=0) * scale)
    with tf.GradientTape() as tape:
        tape.watch(far)
        log_prob = model.log_prob(far)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, far)).all()


@every_case
def test_untrained_is_the_standard_normal(case):
    model, _ = case
    x = 3.0 * normal(20, model.event_size)
    expected = stats.norm.logpdf(x).sum(axis=-1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_allclose(model.forward_and_log_det(x)[1], 0.0, atol=1e-12)


@every_case
def test_description_is_json_and_rebuilds_the_model(case):
    model, _ = case
    description = json.loads(json.dumps(model.description))
    assert description == model.description
    again = models.make(
        description["family"],
        event_size=description["event_size"],
        **description["options"],
    )
    assert again.description == description
    assert repr(again) == repr(model)
