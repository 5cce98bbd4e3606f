"""Mixtures of densities: normalized, drawn from as they are scored, or refused."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import DensityModel
from flowmc.models.mixture import MixtureDensity

SHARES = (0.25, 0.75)


def gaussian(shift, *, event_size=1, seed=0):
    """A Gaussian around `shift`, of standard deviation near 1, and what it is."""
    model = models.make("gaussian", event_size=event_size)
    draws = np.random.default_rng(seed).normal(size=(4000, event_size)) + shift
    model.fit_whitening(draws)
    return model


def two(event_size=1, weights=SHARES):
    parts = [gaussian(shift, event_size=event_size, seed=1) for shift in (-4.0, 3.0)]
    return MixtureDensity(parts, weights=weights)


def test_it_integrates_to_one_in_one_dimension():
    x = np.linspace(-20.0, 20.0, 8001)
    density = np.exp(two().log_prob(x[:, None]).numpy())
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-6)


def test_the_density_is_the_weighted_sum():
    mixture, x = two(2), np.random.default_rng(0).normal(size=(3, 5, 2))
    parts = [np.exp(part.log_prob(x)) for part in mixture.parts]
    expected = np.log(SHARES[0] * parts[0] + SHARES[1] * parts[1])
    assert mixture.log_prob(x).shape == (3, 5)
    np.testing.assert_allclose(mixture.log_prob(x), expected)


def test_samples_follow_the_density():
    mixture = two()
    x, log_prob = mixture.sample_and_log_prob(40_000, seed=(1, 2))
    x = x.numpy()
    np.testing.assert_allclose(log_prob, mixture.log_prob(x))
    error = np.sqrt(SHARES[0] * SHARES[1] / len(x))
    assert abs(np.mean(x < 0.0) - SHARES[0]) < 4.0 * error
    grid = np.linspace(-12.0, 12.0, 4001)
    cumulative = np.cumsum(np.exp(mixture.log_prob(grid[:, None]))) * (24.0 / 4000)
    found = stats.kstest(x[:, 0], lambda v: np.interp(v, grid, cumulative))
    assert found.pvalue > 1e-3


def test_three_parts_keep_their_shares():
    parts = [gaussian(shift) for shift in (-10.0, 0.0, 10.0)]
    mixture = MixtureDensity(parts, weights=[1.0, 2.0, 5.0])
    x = mixture.sample(30_000, seed=3).numpy()[:, 0]
    found = [np.mean(x < -5.0), np.mean(np.abs(x) < 5.0), np.mean(x > 5.0)]
    np.testing.assert_allclose(found, [0.125, 0.25, 0.625], atol=0.012)


def test_samples_are_determined_by_the_seed():
    mixture = two()
    first, second = (mixture.sample(50, seed=7).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, mixture.sample(50, seed=8).numpy())


def test_compiled_code_sees_new_shares():
    mixture, x = two(), tf.constant([[-4.0]], tf.float64)

    @tf.function(jit_compile=True, autograph=False)
    def program(x):
        return mixture.log_prob(x)

    before = program(x).numpy()
    mixture.set_weights((0.5, 0.5))
    np.testing.assert_allclose(mixture.weights, 0.5)
    np.testing.assert_allclose(program(x) - before, np.log(2.0), atol=1e-6)


def test_far_away_nothing_overflows():
    x = np.array([[1e6], [-1e150]])
    log_prob = two().log_prob(x).numpy()
    assert not np.isnan(log_prob).any()
    assert (log_prob < -1e11).all()


def test_it_is_a_density_model_and_can_be_defended():
    mixture = two(2)
    assert isinstance(mixture, DensityModel)
    assert mixture.event_size == 2
    defended = models.defensive(mixture)
    defended.fit_tails(mixture.sample(2000, seed=1).numpy())
    _, log_prob = defended.sample_and_log_prob(100, seed=(1, 2))
    assert np.isfinite(log_prob).all()


@pytest.mark.parametrize("weights", [(1.0,), (0.5, 0.0), (1.5, -0.5), (np.nan, 1.0)])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(ConfigurationError, match="`weights` must be 2 positive"):
        two(weights=weights)


def test_parts_of_different_sizes():
    parts = [gaussian(0.0), gaussian(0.0, event_size=2)]
    with pytest.raises(ConfigurationError, match=r"`parts` must have one event size"):
        MixtureDensity(parts, weights=SHARES)
