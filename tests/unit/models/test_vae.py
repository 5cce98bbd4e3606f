"""How a VAE is built, what it refuses, and what it says of collapsed codes."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.models.vae import default_latent_size
from tests.unit.models.linear_vae import NOISE, WEIGHT, LinearVae

SMALL = {"hidden_units": [8]}


def test_default_number_of_codes():
    assert [default_latent_size(size) for size in (1, 5, 8, 20)] == [1, 5, 8, 8]
    assert models.make("vae", event_size=3, **SMALL).latent_size == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"latent_size": 4}, "`latent_size` must be at most `event_size`, 3; got 4"),
        ({"latent_size": 0}, "`latent_size` must be at least 1; got 0"),
        ({"latent_size": 1.5}, "`latent_size` must be an integer"),
        ({"latent_size": 1, "encoder": "iaf"}, "Use `encoder='gaussian'`"),
        ({"encoder": "maf"}, "`encoder` must be one of gaussian, iaf; got 'maf'"),
        ({"prior": "gaussian"}, "`prior` must be one of normal, flow"),
        ({"periodic": [1]}, "`periodic` of `vae` must be empty.*Use `spline"),
        ({"num_importance": 0}, "`num_importance` must be at least 1"),
        ({"max_log_scale": -1.0}, "`max_log_scale` must be positive"),
        ({"hidden": [3]}, "Options of the model `vae` are: .*latent_size"),
    ],
)
def test_wrong_options_get_one_sentence(options, text):
    with pytest.raises(ConfigurationError, match=text):
        models.make("vae", event_size=3, **options)


@pytest.mark.parametrize("encoder", ["gaussian", "iaf"])
def test_float32_networks_give_float64_densities(encoder):
    model = models.make("vae", event_size=3, encoder=encoder, dtype="float32", **SMALL)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign_add(0.3 * random.normal(size=variable.shape))
    x = random.normal(size=(20, 3))
    z, log_r = model.sample_encoder(x, seed=1)
    assert z.dtype == log_r.dtype == model.sample(3, seed=1).dtype == "float64"
    # A layer's two directions see a code rounded differently.
    tolerance = 1e-10 if encoder == "gaussian" else 2e-4
    np.testing.assert_allclose(model.log_encoder(z, x), log_r, atol=tolerance)
    e, _ = model.x_to_noise(x, z[0])
    np.testing.assert_allclose(model.noise_to_x(e, z[0])[0], x, atol=1e-10)


def test_different_seeds_different_weights():
    first, second = (models.make("vae", event_size=2, seed=s, **SMALL) for s in (1, 2))
    pairs = zip(first.trainable_variables, second.trainable_variables, strict=True)
    assert any(np.any(a.numpy() != b.numpy()) for a, b in pairs)


def test_unseen_points_are_encoded_in_one_pass():
    linear = LinearVae()
    x = linear.draw(7, seed=5)
    posterior = linear.model.encode(x)
    spread = 1.0 / np.sqrt(1.0 + (WEIGHT / NOISE) ** 2)
    np.testing.assert_allclose(posterior.stddev(), spread, rtol=1e-12)
    mean = x @ linear._weights / NOISE**2 * spread**2
    np.testing.assert_allclose(posterior.mean(), mean, atol=1e-12)


def test_scales_may_depend_on_the_code_and_stay_bounded():
    model = models.make("vae", event_size=2, max_log_scale=2.0, **SMALL)
    for variable in model.trainable_variables:
        variable.assign_add(
            np.random.default_rng(0).normal(scale=50.0, size=variable.shape)
        )
    z = np.random.default_rng(1).normal(size=(50, 2))
    scale = model.decode(z).stddev().numpy()
    assert np.ptp(scale[:, 0]) > 0.0
    assert np.all(np.abs(np.log(scale)) < 2.0 + 0.5)


@pytest.mark.parametrize("encoder", ["gaussian", "iaf"])
@pytest.mark.parametrize("prior", ["normal", "flow"])
def test_active_units_tell_a_collapsed_code(encoder, prior):
    model = models.make(
        "vae", event_size=3, latent_size=2, encoder=encoder, prior=prior, **SMALL
    )
    x = np.random.default_rng(2).normal(size=(400, 3))
    report = model.active_units(x)
    np.testing.assert_allclose(report.variance, 0.5, atol=0.1)
    assert report.num_active == 2
    assert str(report) == "2 of 2 codes are in use"
    # The encoder stops reading the first coordinate, which alone told the first code.
    linear = model._encoder._network._linear
    linear.assign(linear.numpy() * np.array([0.0, 1.0]))
    report = model.active_units(x)
    np.testing.assert_array_equal(report.is_active, [False, True])
    assert str(report) == "1 of 2 codes are in use; not: 0"


def test_active_units_of_an_exact_encoder():
    linear = LinearVae()
    report = linear.model.active_units(linear.draw(4000))
    expected = WEIGHT**2 / (WEIGHT**2 + NOISE**2)
    np.testing.assert_allclose(report.variance, expected, rtol=0.1)
    with pytest.raises(ConfigurationError, match="at least 2 points"):
        linear.model.active_units(linear.draw(1)[None])
