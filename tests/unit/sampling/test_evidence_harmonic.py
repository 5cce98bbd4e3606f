"""Learned harmonic mean: honest errors, and silence where nothing can be said."""

import numpy as np
import pytest
from scipy import stats

from flowmc import models
from flowmc.sampling.evidence_harmonic import Outside, harmonic_evidence
from tests.unit.sampling.evidence_cases import (
    CASES,
    LOG_EVIDENCE,
    are_calibrated,
    run_chains,
    z_scores,
)


def estimator(case):
    """Return `chains -> (log Z, error)` with what is known of zero density."""

    def estimate(chains):
        x = chains.proposal_x[np.isneginf(chains.log_weight)]
        outside = Outside(x, case.proposal.logpdf(x), chains.log_weight.size)
        return harmonic_evidence(chains.x, chains.log_prob, case.model, outside=outside)

    return estimate


def funnel(n, *, event_size, seed):
    rng = np.random.default_rng(seed)
    v = 3.0 * rng.normal(size=(n, 16, 1))
    body = np.exp(v / 2.0) * rng.normal(size=(n, 16, event_size - 1))
    log_body = stats.norm.logpdf(body, scale=np.exp(v / 2.0)).sum(axis=-1)
    log_prob = stats.norm.logpdf(v[..., 0], scale=3.0) + log_body
    return np.concatenate([v, body], axis=-1), log_prob


class FunnelMap:
    """x -> z of the funnel, with a slope that is a little off."""

    def __init__(self, slope):
        self.slope = slope

    def inverse_and_log_det(self, x):
        scale = self.slope * x[:, :1]
        z = np.concatenate([x[:, :1] / 3.0, x[:, 1:] * np.exp(-scale)], axis=-1)
        return z, -np.log(3.0) - (x.shape[1] - 1) * scale[:, 0]


@pytest.mark.parametrize("name", CASES)
def test_error_is_honest(name):
    assert are_calibrated(z_scores(estimator(CASES[name]), CASES[name]))


@pytest.mark.parametrize("name", ["gaussian", "banana"])
def test_three_percent_are_seen(name):
    case = CASES[name]
    assert not are_calibrated(z_scores(estimator(case), case, shift=np.log(1.03)))


def test_a_cut_that_no_draw_shows_biases_without_the_proposals():
    chains = run_chains(CASES["boxed_student"], seed=0)
    blind, error = harmonic_evidence(chains.x, chains.log_prob)
    assert blind - LOG_EVIDENCE > 4.0 * error


@pytest.mark.parametrize("event_size", [2, 5, 10])
@pytest.mark.parametrize("seed", range(3))
def test_funnel_with_a_normal_is_refused_or_uncertain(event_size, seed):
    x, log_prob = funnel(600, event_size=event_size, seed=seed)
    found = harmonic_evidence(x, log_prob)
    assert found is None or abs(found[0]) < 4.0 * found[1]


@pytest.mark.parametrize("event_size", [5, 10])
def test_funnel_with_its_own_map(event_size):
    x, log_prob = funnel(600, event_size=event_size, seed=1)
    value, error = harmonic_evidence(x, log_prob, FunnelMap(0.48))
    assert error < 0.05
    assert abs(value) < 4.0 * error


def test_one_mode_under_a_normal_over_two_is_refused():
    rng = np.random.default_rng(0)
    side = np.where(rng.uniform(size=(600, 16, 1)) < 0.5, 4.0, -4.0)
    x = side + rng.normal(size=(600, 16, 3))
    parts = [stats.norm.logpdf(x, loc=c).sum(axis=-1) for c in (4.0, -4.0)]
    log_prob = np.logaddexp(*parts) - np.log(2.0)
    assert harmonic_evidence(x, log_prob) is None


def test_repeated_draws_do_not_shrink_the_error():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8, 3)) * [1.0, 2.0, 3.0]
    log_prob = -0.5 * np.sum((x / [1.0, 2.0, 3.0]) ** 2, axis=-1) * 1.1
    once = harmonic_evidence(x, log_prob)
    tenfold = harmonic_evidence(*(np.repeat(v, 10, axis=0) for v in (x, log_prob)))
    assert tenfold[0] == pytest.approx(once[0], abs=once[1])
    assert tenfold[1] > 0.8 * once[1]


def test_a_flow_of_the_package():
    x = np.random.default_rng(0).normal(size=(300, 16, 2)) @ [[1.0, 2.0], [0.0, 0.5]]
    model = models.make("gaussian", event_size=2)
    model.fit_whitening(x[:, :4].reshape(-1, 2))
    law = stats.multivariate_normal([0, 0], np.array([[1.0, 2.0], [2.0, 4.25]]))
    value, error = harmonic_evidence(x, law.logpdf(x) - 7.0, model)
    assert abs(value + 7.0) < 4.0 * error
    assert error < 0.01


def test_circle_coordinates_stay_uniform():
    """A normal on the line times a von Mises law on the circle."""
    rng = np.random.default_rng(0)
    x = np.stack(
        [rng.normal(size=(600, 16)), rng.vonmises(0.0, 0.5, size=(600, 16))], axis=-1
    )
    log_prob = stats.norm.logpdf(x[..., 0]) + stats.vonmises.logpdf(x[..., 1], 0.5)
    model = models.make(
        "spline_coupling", event_size=2, periodic=[1], num_layers=2, hidden_units=[4]
    )
    value, error = harmonic_evidence(x, log_prob, model)
    assert abs(value) < 4.0 * error
    assert error < 0.02


def test_a_single_chain_is_halved():
    x = np.random.default_rng(0).normal(size=(4001, 1, 2))
    value, error = harmonic_evidence(x, stats.norm.logpdf(x).sum(axis=-1))
    assert abs(value) < 4.0 * error


def test_draws_that_the_flow_loses():
    class Losing:
        def inverse_and_log_det(self, x):
            return np.where(x > 2.0, np.nan, x), np.zeros(len(x))

    x = np.random.default_rng(0).normal(size=(100, 8, 2))
    assert harmonic_evidence(x, stats.norm.logpdf(x).sum(axis=-1), Losing()) is None


@pytest.mark.parametrize("shape", [(5, 64, 2), (10, 2, 8), (16, 1, 1)])
def test_too_few_draws(shape):
    x = np.random.default_rng(0).normal(size=shape)
    assert harmonic_evidence(x, -0.5 * np.sum(x**2, axis=-1)) is None
