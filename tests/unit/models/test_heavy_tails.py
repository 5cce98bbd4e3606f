"""The heavy-tailed parts alone: a density like any other."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import DensityModel
from flowmc.models.heavy_tails import HeavyTails
from flowmc.models.saving import get_arrays, set_arrays


def fitted(size=2, **options):
    density = HeavyTails(size, **options)
    density.fit_tails(np.random.default_rng(0).normal(size=(500, size)) + 1.0)
    return density


def test_it_is_a_density_whose_draws_are_scored_alike():
    density = fitted()
    assert isinstance(density, DensityModel)
    x, log_prob = density.sample_and_log_prob(2000, seed=tf.constant([1, 2]))
    assert np.isfinite(x).all()
    np.testing.assert_allclose(density.log_prob(x), log_prob, rtol=1e-12)
    assert np.abs(np.median(x, axis=0) - 1.0).max() < 0.15
    assert np.abs(x).max() > 30.0


@pytest.mark.parametrize("axis_share", [0.0, 0.5, 1.0])
def test_it_is_normalized(axis_share):
    density = fitted(1, axis_share=axis_share)
    # Of a Cauchy cut at 200 scales, or a t_2, next to nothing is left out.
    x = np.sinh(np.linspace(-9.0, 9.0, 40_001))
    mass = np.trapezoid(np.exp(density.log_prob(x[:, None])), x)
    assert mass == pytest.approx(1.0, abs=1e-4)


def test_it_is_what_a_defensive_mixture_adds():
    density, flow = fitted(), models.make("gaussian", event_size=2)
    mixture = models.defensive(flow, weight=0.3)
    mixture.set_tails(*density.tails)
    x = np.random.default_rng(1).normal(size=(50, 2)) * 4.0
    expected = np.logaddexp(
        np.log(0.7) + flow.log_prob(x), np.log(0.3) + density.log_prob(x)
    )
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-12)


def test_its_state_is_its_tails():
    density, other = fitted(), HeavyTails(2)
    other.set_tails(*density.tails)
    set_arrays(other, get_arrays(density))
    x = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_array_equal(other.log_prob(x), density.log_prob(x))
    assert "HeavyTails(event_size=2" in repr(density)
    with pytest.raises(ConfigurationError, match="`event_size`"):
        HeavyTails(0)
