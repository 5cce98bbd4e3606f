"""Errors of means over chains, and models called with one shape only."""

import numpy as np
import pytest

from flowmc.sampling import evidence_chains
from flowmc.sampling.evidence_chains import (
    effective_size,
    in_batches,
    mean_error,
    shared_error,
)


def autoregressive(n, num_chains, *, memory, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, num_chains))
    values = noise.copy()
    for i in range(1, n):
        values[i] = memory * values[i - 1] + np.sqrt(1.0 - memory**2) * noise[i]
    return values


def test_effective_size_of_a_known_process():
    values = autoregressive(1000, 16, memory=0.8)
    assert effective_size(values) == pytest.approx(16_000 / 9.0, rel=0.25)


def test_effective_size_is_at_most_the_number_and_at_least_one():
    swinging = autoregressive(1000, 4, memory=-0.8)
    assert effective_size(swinging) == swinging.size
    assert effective_size(np.ones((20, 4))) == 80.0
    assert effective_size(np.tile([0.0, 1.0, 2.0], (50, 1))) < 10.0


def test_mean_error_is_the_scatter_of_repeats():
    runs = [5.0 + autoregressive(200, 8, memory=0.6, seed=s) for s in range(60)]
    scatter = np.std([np.mean(run) for run in runs]) / 5.0
    assert np.mean([mean_error(run) for run in runs]) == pytest.approx(scatter, rel=0.3)


@pytest.mark.parametrize("num_chains", [1, 4, 64])
def test_shared_error_of_equal_and_of_opposite_values(num_chains):
    values = 3.0 + np.random.default_rng(0).normal(size=(2000, num_chains))
    error = mean_error(values)
    equal = shared_error(values, values, errors=(error, error))
    opposite = shared_error(values, 6.0 - values, errors=(error, error))
    assert equal == pytest.approx(error**2, rel=0.4)
    assert opposite == pytest.approx(-(error**2), rel=0.4)


def test_shared_error_where_nothing_can_be_measured_is_the_bound():
    assert shared_error(np.ones((1, 1)), np.ones((1, 1)), errors=(0.2, 0.3)) == 0.06


@pytest.mark.parametrize("n", [1, 6, 7, 15])
def test_batches_have_one_shape_and_lose_nothing(n, monkeypatch):
    monkeypatch.setattr(evidence_chains, "BATCH_SIZE", 7)
    shapes = set()

    def function(x):
        shapes.add(x.shape)
        return x.sum(axis=1), 2.0 * x

    x = np.arange(2.0 * n).reshape(n, 2)
    total, double = in_batches(function, x)
    np.testing.assert_array_equal(total, x.sum(axis=1))
    np.testing.assert_array_equal(double, 2.0 * x)
    assert shapes == {(min(n, 7), 2)}
