"""Bridge sampling: errors that hold for chains, and for proposals that became draws."""

import numpy as np
import pytest
from scipy import stats

from flowmc.sampling.evidence import importance_evidence
from flowmc.sampling.evidence_bridge import bridge_evidence
from tests.unit.sampling.evidence_cases import (
    CASES,
    FACTOR,
    LOG_EVIDENCE,
    are_calibrated,
    run_chains,
    z_scores,
)


def of_chains(chains):
    return bridge_evidence(chains.log_ratio, chains.log_weight)


@pytest.mark.parametrize("name", CASES)
def test_error_is_honest(name):
    assert are_calibrated(z_scores(of_chains, CASES[name]))


@pytest.mark.parametrize("name", ["gaussian", "boxed_student"])
def test_three_percent_are_seen(name):
    assert not are_calibrated(z_scores(of_chains, CASES[name], shift=np.log(1.03)))


def test_fresh_proposals():
    case = CASES["gaussian"]

    def estimate(chains):
        seed = int(1e6 * chains.x[0, 0, 0] % 1e6)
        x = case.proposal.rvs(2000, random_state=seed)
        return bridge_evidence(
            chains.log_ratio, case.log_prob(x) - case.proposal.logpdf(x)
        )

    assert are_calibrated(z_scores(estimate, case))


def test_proposals_that_became_draws_enlarge_the_error():
    """Taken as independent of the draws they would promise too much."""
    shape = FACTOR @ FACTOR.T
    proposal = stats.multivariate_t(np.zeros(3), shape, df=10)
    case = CASES["gaussian"]._replace(proposal=proposal)

    def with_both_errors(chains):
        flat = bridge_evidence(chains.log_ratio, chains.log_weight.ravel())
        ratios.append(of_chains(chains)[1] / flat[1])
        return of_chains(chains)

    ratios = []
    assert are_calibrated(z_scores(with_both_errors, case))
    assert np.mean(ratios) > 1.1


def test_proposals_of_zero_density_count():
    chains = run_chains(CASES["gaussian"], seed=0)
    inside = chains.log_weight.ravel()
    half = np.concatenate([inside, np.full(inside.size, -np.inf)])
    alone = bridge_evidence(chains.log_ratio, inside)
    both = bridge_evidence(chains.log_ratio, half)
    assert both[0] == pytest.approx(alone[0] - np.log(2.0), abs=0.02)
    assert both[1] > alone[1]


def test_repeated_draws_do_not_shrink_the_error():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 8))
    log_ratio = stats.norm.logpdf(x) - stats.norm.logpdf(x, scale=1.3)
    y = 1.3 * rng.normal(size=1600)
    proposals = stats.norm.logpdf(y) - stats.norm.logpdf(y, scale=1.3)
    once = bridge_evidence(log_ratio, proposals)
    tenfold = bridge_evidence(np.repeat(log_ratio, 10, axis=0), proposals)
    assert tenfold[0] == pytest.approx(once[0], abs=0.5 * once[1])
    assert tenfold[1] == pytest.approx(once[1], rel=0.15)


def test_more_independent_draws_do_shrink_it():
    rng = np.random.default_rng(0)
    errors = []
    for n in (100, 1600):
        x, y = rng.normal(size=(n, 8)), 1.5 * rng.normal(size=8 * n)
        ratio = [stats.norm.logpdf(v) - stats.norm.logpdf(v, scale=1.5) for v in (x, y)]
        errors.append(bridge_evidence(*ratio)[1])
    assert errors[1] == pytest.approx(errors[0] / 4.0, rel=0.2)


def test_light_tails_of_q_are_forgiven():
    """Importance weights of this q have infinite variance."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(1000, 16)), 0.6 * rng.normal(size=16_000)
    ratio = [stats.norm.logpdf(v) - stats.norm.logpdf(v, scale=0.6) for v in (x, y)]
    value, error = bridge_evidence(*ratio)
    assert abs(value) < 4.0 * error
    assert error < 0.5 * importance_evidence(ratio[1])[1]


@pytest.mark.parametrize("shift", [-1e6, 1e6])
def test_any_scale_of_the_logarithm(shift):
    chains = run_chains(CASES["gaussian"], seed=1)
    plain = of_chains(chains)
    moved = bridge_evidence(chains.log_ratio + shift, chains.log_weight + shift)
    assert moved[0] - shift == pytest.approx(plain[0], abs=1e-6)
    assert moved[1] == pytest.approx(plain[1], rel=1e-4)


def test_a_perfect_proposal_leaves_no_error():
    value, error = bridge_evidence(np.full((20, 4), -3.0), np.full(80, -3.0))
    assert value == pytest.approx(-3.0)
    assert error == pytest.approx(0.0, abs=1e-9)


def test_a_draw_where_q_is_zero_is_no_obstacle():
    chains = run_chains(CASES["gaussian"], seed=2)
    ratio = chains.log_ratio.copy()
    ratio[0, 0] = np.inf
    value, error = bridge_evidence(ratio, chains.log_weight)
    assert abs(value - LOG_EVIDENCE) < 4.0 * error


@pytest.mark.parametrize(
    ("draws", "proposals"),
    [
        (np.zeros((3, 4)), np.zeros(10)),
        (np.zeros((20, 4)), np.zeros(1)),
        (np.zeros((20, 4)), np.full(10, -np.inf)),
        (np.full((20, 4), np.nan), np.zeros(10)),
        (np.zeros((20, 4)), np.array([0.0, np.nan])),
        (np.zeros(20), np.zeros(20)),
    ],
)
def test_nothing_to_estimate_from(draws, proposals):
    assert bridge_evidence(draws, proposals) is None
