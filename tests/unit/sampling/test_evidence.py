"""Evidence by importance sampling: known answers, and a bias that is taken off."""

import numpy as np
import pytest
from scipy import stats

from flowmc.sampling.evidence import importance_evidence


def log_weights(n, *, width=1.5, log_evidence=-7.0, seed=0):
    """Normal target of known mass, drawn from a wider normal."""
    x = np.random.default_rng(seed).normal(size=n) * width
    log_target = stats.norm.logpdf(x) + log_evidence
    return log_target - stats.norm.logpdf(x, scale=width)


def test_known_answer():
    value, error = importance_evidence(log_weights(20_000))
    assert 0.001 < error < 0.02
    assert abs(value + 7.0) < 4.0 * error


@pytest.mark.parametrize("shift", [-1e6, 0.0, 1e6])
def test_any_scale_of_the_logarithm(shift):
    value, error = importance_evidence(log_weights(1000) + shift)
    plain, plain_error = importance_evidence(log_weights(1000))
    assert value - shift == pytest.approx(plain, abs=1e-9)
    assert error == pytest.approx(plain_error)


def test_the_error_is_the_scatter_of_repeats():
    runs = [importance_evidence(log_weights(400, seed=seed)) for seed in range(400)]
    values, errors = np.array(runs).T
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.15)


def test_the_logarithm_is_corrected_for_its_bias():
    n, repeats = 30, 4000
    width = 3.0
    values, plain = [], []
    for seed in range(repeats):
        log_weight = log_weights(n, width=width, log_evidence=0.0, seed=seed)
        values.append(importance_evidence(log_weight)[0])
        plain.append(np.log(np.mean(np.exp(log_weight))))
    error = np.std(plain) / np.sqrt(repeats)
    assert np.mean(plain) < -5.0 * error
    assert abs(np.mean(values)) < 0.25 * abs(np.mean(plain))


def test_proposals_of_zero_density_count():
    inside = log_weights(1000)
    both = np.concatenate([inside, np.full(1000, -np.inf)])
    value, error = importance_evidence(both)
    assert value == pytest.approx(
        importance_evidence(inside)[0] - np.log(2.0), abs=0.01
    )
    assert error > importance_evidence(inside)[1]


def test_equal_weights_leave_no_error():
    value, error = importance_evidence(np.full(10, -3.0))
    assert value == pytest.approx(-3.0)
    assert error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("log_weight", [[], [0.0], [-np.inf, -np.inf]])
def test_nothing_to_estimate_from(log_weight):
    assert importance_evidence(np.array(log_weight)) is None
