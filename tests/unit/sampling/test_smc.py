"""`sample_smc` on likelihoods whose evidence and moments are known."""

import numpy as np
import pytest
import tensorflow as tf

import flowmc
from flowmc import Target
from flowmc.results.importance import importance_ess
from flowmc.sampling.sample_smc import sample_smc
from tests.unit.sampling.smc_cases import (
    LAWS,
    LOG_EVIDENCE,
    UNIFORM,
    Bench,
    gaussian,
    measured,
    run,
)


@pytest.fixture(scope="module")
def bench():
    return Bench()


@pytest.fixture(scope="module")
def posteriors(bench):
    return [bench.solve(measured, seed=seed) for seed in range(6)]


def pull(posterior, exact):
    return (posterior.log_evidence - exact) / posterior.log_evidence_error


def test_the_evidence_is_right(posteriors):
    pulls = [pull(posterior, LOG_EVIDENCE) for posterior in posteriors]
    assert np.max(np.abs(pulls)) < 4.0
    assert abs(np.mean(pulls)) < 4.0 / len(pulls) ** 0.5
    for posterior in posteriors:
        assert 0.0 < posterior.log_evidence_error < 0.05
        smc, smc_error = posterior.evidence["smc"]
        assert abs(smc - LOG_EVIDENCE) < 4.0 * smc_error


def test_moments_are_right(posteriors):
    mean, sd = np.array([[law.mean(), law.std()] for law in LAWS]).T
    for posterior in posteriors:
        flat = posterior.flat()
        assert posterior.theta.shape == (1000, 1, 2)
        size = posterior.diagnostics.ess_bulk.min()
        assert np.all(np.abs(flat.mean(axis=0) - mean) < 5.0 * sd / size**0.5)
        assert np.all(np.abs(flat.std(axis=0) / sd - 1.0) < 5.0 / size**0.5)
        assert posterior.verdict.ok, posterior.verdict


def test_the_effective_number_asked_for_is_reached(bench, posteriors):
    for posterior in posteriors:
        weighted = posterior.weighted
        assert importance_ess(weighted.log_weight) >= 1000
        assert len(weighted.theta) <= weighted.num_proposals
        assert posterior.diagnostics.ess_bulk.max() <= 1000
        assert posterior.warmup is not None  # states at the target, marked, apart
    more = bench.solve(measured, target_ess=2500.0)
    assert importance_ess(more.weighted.log_weight) >= 2500
    assert more.theta.shape == (1000, 1, 2)


def test_log_probs_are_the_targets(posteriors):
    target, posterior = gaussian(), posteriors[0]
    again = target.log_prob(posterior.flat())
    np.testing.assert_allclose(posterior.log_prob[:, 0], again, rtol=1e-9)
    likelihood = again - target.log_prior(posterior.flat())
    np.testing.assert_allclose(posterior.log_likelihood[:, 0], likelihood, rtol=1e-9)


def test_evaluations_are_counted(bench):
    before = bench.target.num_evaluations
    posterior = bench.solve(measured)
    assert posterior.cost.log_prob_calls == bench.target.num_evaluations - before


def test_a_plateau_is_the_prior_itself(bench):
    posterior = bench.solve(lambda theta: np.full(len(theta), -3.0))
    assert abs(pull(posterior, -3.0)) < 4.0
    assert posterior.log_evidence == pytest.approx(-3.0, abs=0.1)
    # From the prior to the target in one step.
    names = [window.name for window in posterior.history]
    assert sum(name.startswith("temperature") for name in names) == 2


@pytest.mark.parametrize("seed", range(4))
def test_excluded_mass_counts_in_the_evidence(bench, seed):
    """The likelihood is 1 on 70 % of the prior and zero elsewhere."""

    def partly(theta):
        return np.where(theta[:, 0] < 0.7, 0.0, -np.inf)

    posterior = bench.solve(partly, seed=seed)
    assert abs(pull(posterior, np.log(0.7))) < 4.0
    assert posterior.weighted.num_proposals > len(posterior.weighted.theta)
    assert posterior.theta[..., 0].max() < 0.7
    assert posterior.theta[..., 0].mean() == pytest.approx(0.35, abs=0.05)


def test_nan_may_be_rejected_and_is_counted(bench):
    posterior = bench.solve(lambda theta: np.where(theta[:, 0] > 0.7, np.nan, 0.0))
    assert abs(pull(posterior, np.log(0.7))) < 4.0
    assert posterior.diagnostics.num_bad_values > 0


@pytest.mark.parametrize("seed", range(2))
def test_modes_keep_their_weights(bench, seed):
    def two(theta):
        one, other = (np.square(theta - c).sum(axis=-1) / 2e-4 for c in (0.3, 0.7))
        return np.logaddexp(np.log(0.25) - one, np.log(0.75) - other)

    posterior = bench.solve(two, seed=seed)
    share = np.mean(posterior.theta[..., 0] > 0.5)
    assert share == pytest.approx(0.75, abs=0.07)
    assert abs(pull(posterior, np.log(np.pi * 2e-4))) < 4.0


def test_a_needle_is_found_or_not_called_good(bench):
    """One draw of the prior in a thousand has any density."""

    def needle(theta):
        inside = np.all(np.abs(theta - 0.5) < 0.015, axis=-1)
        return np.where(inside, 0.0, -np.inf)

    posterior = bench.solve(needle)
    is_right = abs(pull(posterior, 2.0 * np.log(0.03))) < 4.0
    assert is_right or not posterior.verdict.ok


@pytest.mark.parametrize("limit", [3000, 6000])
def test_a_budget_is_kept_and_gives_a_marked_result(bench, limit):
    posterior = bench.solve(measured, target_ess=20_000.0, max_evaluations=limit)
    assert posterior.cost.log_prob_calls <= limit
    assert any("Raise `max_evaluations`" in r for r in posterior.verdict.reasons)
    assert abs(posterior.log_evidence - LOG_EVIDENCE) < 0.2


def test_a_budget_that_ends_before_the_target_is_told(bench):
    def narrow(theta):
        return -np.square(theta - 0.3).sum(axis=-1) / 2e-10

    posterior = bench.solve(narrow, max_evaluations=3000)
    assert posterior.cost.log_prob_calls <= 3000
    assert any("inverse temperature 1" in r for r in posterior.verdict.reasons)


# Through `sample_smc` itself.


def test_the_progress_tells_temperature_evidence_and_cost():
    target, reports = gaussian(), []
    posterior = run(
        target,
        num_draws=20_000,
        max_evaluations=6000,
        progress=lambda *report: reports.append(report),
    )
    phases = [report[0] for report in reports]
    assert {"anneal", "refine", "draw"} <= set(phases)
    told = next(stats for phase, *_, stats in reversed(reports) if phase == "anneal")
    assert {"b", "ESS", "ln Z", "evaluations", "jump"} <= set(told)
    assert "Raise `max_evaluations`" in posterior.config["cut_short"]
    assert target.num_evaluations == posterior.cost.log_prob_calls <= 6000
    assert max(stats.get("of about", 0) for *_, stats in reports) <= 6000


def test_the_progress_foresees_the_whole_cost():
    reports = []
    posterior = run(gaussian(), progress=lambda *report: reports.append(report))
    foreseen = [stats["of about"] for *_, stats in reports if "of about" in stats]
    cost = posterior.cost.log_prob_calls
    assert "of about" not in reports[0][-1]
    assert cost / 2.5 < foreseen[0] < 2.5 * cost
    assert foreseen[-1] == cost
    totals = {phase: total for phase, _, total, _ in reports}
    assert totals["anneal"] == 100
    assert totals["draw"] == 1000


def test_graph_targets_run_compiled():
    def log_likelihood(theta):
        return -0.5 * tf.reduce_sum(tf.square(theta - 0.5) / 0.01, axis=-1)

    target = Target(
        log_likelihood_fn=log_likelihood, prior=UNIFORM, backend="tensorflow"
    )
    posterior = run(target)
    # The box cuts what is five standard deviations away.
    assert abs(pull(posterior, np.log(2.0 * np.pi * 0.01))) < 4.0
    assert posterior.cost.gradient_calls > 0  # HMC, as in `sample`
    assert posterior.verdict.ok, posterior.verdict


def test_it_is_a_public_name():
    assert flowmc.sample_smc is sample_smc
