"""`sample_smc` on targets whose evidence and moments are known."""

import numpy as np
import pytest
import tensorflow as tf

import flowmc
from flowmc import Target
from flowmc.results.importance import importance_ess
from flowmc.sampling.sample_smc import sample_smc
from tests.unit.sampling.smc_cases import (
    LOG_EVIDENCE,
    MEAN,
    SD,
    UNIFORM,
    gaussian,
    run,
)


@pytest.fixture(scope="module")
def posteriors():
    return [run(gaussian(), seed=seed) for seed in range(4)]


def test_the_evidence_is_right(posteriors):
    pulls = []
    for posterior in posteriors:
        error = posterior.log_evidence_error
        assert 0.0 < error < 0.03
        pulls.append((posterior.log_evidence - LOG_EVIDENCE) / error)
        smc, smc_error = posterior.evidence["smc"]
        assert abs(smc - LOG_EVIDENCE) < 4.0 * smc_error
    assert np.max(np.abs(pulls)) < 4.0
    assert abs(np.mean(pulls)) < 4.0 / len(pulls) ** 0.5


def test_moments_are_right(posteriors):
    for posterior in posteriors:
        flat = posterior.flat()
        assert posterior.theta.shape == (1000, 1, 2)
        size = posterior.diagnostics.ess_bulk.min()
        assert np.all(np.abs(flat.mean(axis=0) - MEAN) < 5.0 * SD / size**0.5)
        assert np.all(np.abs(flat.std(axis=0) / SD - 1.0) < 5.0 / size**0.5)
        assert posterior.verdict.ok, posterior.verdict


def test_the_effective_number_asked_for_is_reached(posteriors):
    for posterior in posteriors:
        weighted = posterior.weighted
        assert importance_ess(weighted.log_weight) >= 1000
        assert len(weighted.theta) <= weighted.num_proposals
        assert posterior.diagnostics.ess_bulk.max() <= 1000
    more = run(gaussian(), target_ess=2500.0)
    assert importance_ess(more.weighted.log_weight) >= 2500
    assert more.theta.shape == (1000, 1, 2)


def test_log_probs_are_the_targets(posteriors):
    target, posterior = gaussian(), posteriors[0]
    again = target.log_prob(posterior.flat())
    np.testing.assert_allclose(posterior.log_prob[:, 0], again, rtol=1e-9)
    likelihood = again - target.log_prior(posterior.flat())
    np.testing.assert_allclose(posterior.log_likelihood[:, 0], likelihood, rtol=1e-9)
    assert posterior.warmup is not None  # states at the target, marked and apart


def test_evaluations_are_counted():
    target = gaussian()
    posterior = run(target)
    assert posterior.cost.log_prob_calls == target.num_evaluations


def test_graph_targets_run_compiled():
    def log_likelihood(theta):
        return -0.5 * tf.reduce_sum(tf.square(theta - 0.5) / 0.01, axis=-1)

    target = Target(
        log_likelihood_fn=log_likelihood, prior=UNIFORM, backend="tensorflow"
    )
    posterior = run(target)
    # The box cuts what is five standard deviations away.
    exact = np.log(2.0 * np.pi * 0.01)
    assert abs(posterior.log_evidence - exact) < 4.0 * posterior.log_evidence_error
    assert posterior.cost.gradient_calls > 0  # HMC, as in `sample`
    assert posterior.verdict.ok, posterior.verdict


def test_a_plateau_is_the_prior_itself():
    target = Target(
        log_likelihood_fn=lambda theta: np.full(len(theta), -3.0),
        prior=UNIFORM,
        backend="numpy",
    )
    posterior = run(target)
    assert posterior.log_evidence == pytest.approx(-3.0, abs=0.1)
    pull = (posterior.log_evidence + 3.0) / posterior.log_evidence_error
    assert abs(pull) < 4.0
    assert posterior.evidence["smc"][0] == pytest.approx(-3.0)
    # From the prior to the target in one step.
    names = [window.name for window in posterior.history]
    assert sum(name.startswith("temperature") for name in names) == 2


@pytest.mark.parametrize("seed", range(3))
def test_excluded_mass_counts_in_the_evidence(seed):
    """The likelihood is 1 on 70 % of the prior and zero elsewhere."""

    def log_likelihood(theta):
        return np.where(theta[:, 0] < 0.7, 0.0, -np.inf)

    target = Target(log_likelihood_fn=log_likelihood, prior=UNIFORM, backend="numpy")
    posterior = run(target, seed=seed)
    off = posterior.log_evidence - np.log(0.7)
    assert abs(off) < 4.0 * posterior.log_evidence_error
    assert posterior.weighted.num_proposals > len(posterior.weighted.theta)
    assert posterior.theta[..., 0].max() < 0.7
    assert posterior.theta[..., 0].mean() == pytest.approx(0.35, abs=0.05)


def test_modes_keep_their_weights():
    def log_likelihood(theta):
        one, other = (np.square(theta - c).sum(axis=-1) / 0.02 for c in (-3.0, 3.0))
        return np.logaddexp(np.log(0.25) - one, np.log(0.75) - other)

    target = Target(
        log_prob_fn=log_likelihood,
        names=["a", "b"],
        bounds=[(-10.0, 10.0)] * 2,
        backend="numpy",
    )
    posterior = run(target, num_particles=768)
    share = np.mean(posterior.theta[..., 0] > 0.0)
    assert share == pytest.approx(0.75, abs=0.05)
    exact = np.log(np.pi * 0.02)
    assert abs(posterior.log_evidence - exact) < 4.0 * posterior.log_evidence_error


def test_the_progress_tells_temperature_evidence_and_cost():
    reports = []
    run(gaussian(), progress=lambda *report: reports.append(report))
    phases = [report[0] for report in reports]
    assert {"anneal", "refine", "draw"} <= set(phases)
    told = next(stats for phase, *_, stats in reversed(reports) if phase == "anneal")
    assert {"b", "ESS", "ln Z", "evaluations", "jump"} <= set(told)


def test_it_is_a_public_name():
    assert flowmc.sample_smc is sample_smc
