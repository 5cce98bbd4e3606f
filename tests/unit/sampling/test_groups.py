"""What one group of chains sees of the other's draws, on Gaussians known to both."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.models.mixture import MixtureDensity
from flowmc.sampling.groups import UNSEEN_LIMIT, mixture_weights, unseen_share


def draws(shift, *, n=4000, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)) + shift


def gaussian(shift):
    model = models.make("gaussian", event_size=2)
    model.fit_whitening(draws(shift, seed=9))
    return model


def test_the_same_distribution_is_seen():
    found = unseen_share(gaussian(0.0), own=draws(0.0), other=draws(0.0, seed=1))
    assert found == 0.0


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5, 1.0])
def test_the_share_that_is_elsewhere_is_unseen(share):
    other = draws(0.0, seed=1)
    elsewhere = np.arange(len(other)) < share * len(other)
    other[elsewhere] += 20.0
    found = unseen_share(gaussian(0.0), own=draws(0.0), other=other)
    assert found == pytest.approx(share, abs=1e-3)
    assert (found > UNSEEN_LIMIT) == (share > UNSEEN_LIMIT)


def test_a_little_further_out_is_seen():
    """Below the threshold by less than `NEGLIGIBLE_NATS` is not another mode."""
    found = unseen_share(gaussian(0.0), own=draws(0.0), other=draws(1.5, seed=1))
    assert found < UNSEEN_LIMIT


def test_seeing_goes_one_way():
    """A group with both modes sees the other; the other does not see it."""
    both = MixtureDensity([gaussian(0.0), gaussian(15.0)], weights=(0.5, 0.5))
    of_both = np.concatenate([draws(0.0), draws(15.0)])
    assert unseen_share(both, own=of_both, other=draws(0.0, seed=1)) == 0.0
    unseen = unseen_share(gaussian(0.0), own=draws(0.0), other=of_both)
    assert unseen == pytest.approx(0.5, abs=0.01)


class Fails:
    """A density that is NaN, or no number at all, away from the origin."""

    def __init__(self, value):
        self.value, self.model = value, gaussian(0.0)

    def log_prob(self, x):
        own = self.model.log_prob(x)
        return tf.where(x[:, 0] > 10.0, tf.constant(self.value, tf.float64), own)


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_values_that_are_not_finite_are_not_seen(value):
    other = np.concatenate([draws(0.0, n=300), draws(20.0, n=100)])
    found = unseen_share(Fails(value), own=draws(0.0), other=other)
    assert found == pytest.approx(0.25)


def test_the_shares_of_a_mixture_are_found():
    parts = [gaussian(0.0), gaussian(12.0)]
    sample = np.concatenate([draws(0.0, n=3000), draws(12.0, n=1000)])
    share, gain = mixture_weights(parts, sample)
    np.testing.assert_allclose(share, [0.75, 0.25], atol=1e-3)
    assert share.sum() == pytest.approx(1.0)
    assert gain > 10.0


def test_a_second_part_like_the_first_gains_nothing():
    share, gain = mixture_weights([gaussian(0.0), gaussian(0.0)], draws(0.0))
    assert abs(gain) < 1e-3
    assert (share > 0.0).all()


def test_a_part_of_no_use_keeps_a_positive_share():
    share, gain = mixture_weights([gaussian(0.0), gaussian(500.0)], draws(0.0))
    assert 0.0 < share[1] < 1e-5
    assert gain == pytest.approx(0.0, abs=1e-5)
