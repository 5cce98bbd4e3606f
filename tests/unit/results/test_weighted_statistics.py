"""Effective sizes of weighted draws, against sizes that are known."""

import numpy as np
import pytest

from flowmc.results.weighted_statistics import weighted_statistics


def test_equal_weights_count_every_draw():
    theta = np.random.default_rng(0).normal(size=(5000, 2))
    bulk, tail, error = weighted_statistics(theta, np.zeros(5000))
    np.testing.assert_allclose(bulk, 5000.0, rtol=1e-6)
    np.testing.assert_allclose(tail, 5000.0, rtol=1e-6)
    np.testing.assert_allclose(error, theta.std(axis=0) / 5000**0.5, rtol=1e-6)


def test_the_error_is_that_of_repeated_means():
    """Draws of N(0, 1.5) weighted for N(0, 1)."""
    random, means, errors = np.random.default_rng(1), [], []
    for _ in range(300):
        x = 1.5 * random.normal(size=(400, 1))
        log_weight = -0.5 * x[:, 0] ** 2 * (1.0 - 1.0 / 1.5**2)
        _, _, error = weighted_statistics(x, log_weight)
        weight = np.exp(log_weight)
        means.append(weight @ x[:, 0] / weight.sum())
        errors.append(error[0])
    # The spread of 300 means is known to 4 %.
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.16)
