"""Effective size and tail shape of importance weights."""

import numpy as np
import pytest

from flowmc.results.importance import importance_ess, pareto_shape


@pytest.mark.parametrize("shape", [0.3, 0.9, 1.8])
def test_the_shape_of_pareto_weights_is_found(shape):
    # exp(k E) with E ~ Exponential(1) is Pareto with shape k.
    log_weight = shape * np.random.default_rng(2).exponential(size=20000)
    assert pareto_shape(log_weight) == pytest.approx(shape, abs=0.2)
    # Weights bounded above have no tail: a sign error would swap the two.
    assert pareto_shape(-log_weight) < 0.0


def test_effective_size():
    assert importance_ess(np.full(70, -1e5)) == pytest.approx(70)
    assert importance_ess(np.array([0.0, -800.0, -np.inf])) == pytest.approx(1)
    assert importance_ess(np.array([])) == 0.0
    log_weight = 0.5 * np.random.default_rng(3).standard_normal(50000)
    assert importance_ess(log_weight) == pytest.approx(50000 * np.exp(-0.25), rel=0.02)


def test_degenerate_weights():
    assert pareto_shape(np.zeros(100)) == 0.0
    assert np.isnan(pareto_shape(np.arange(10.0)))
    assert np.isnan(pareto_shape(np.full(100, -np.inf)))
