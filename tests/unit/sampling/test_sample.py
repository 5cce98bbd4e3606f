"""A whole run: what it returns, what it compiles, and that one seed gives one run."""

import numpy as np
import pytest

from tests.unit.sampling.runs import NUM_CHAINS, NUM_DRAWS, SCHEDULE, TARGET

# Tempered walk, one block for each of two maps, training.  On the host each kernel is
# compiled in three small parts instead.
MOST_COMPILATIONS = {"tensorflow": 8, "numpy": 16}


def test_shapes(finished):
    posterior = finished.posterior
    assert posterior.theta.shape == (NUM_DRAWS, NUM_CHAINS, 2)
    assert posterior.log_prob.shape == (NUM_DRAWS, NUM_CHAINS)
    assert posterior.names == TARGET.names
    assert posterior.flat().shape == (NUM_DRAWS * NUM_CHAINS, 2)


def test_log_prob_is_that_of_theta(finished):
    posterior = finished.posterior
    flat = posterior.flat()
    np.testing.assert_allclose(posterior.log_prob.ravel(), TARGET.host_fn(flat))


def test_moments_are_those_of_the_target(finished):
    posterior = finished.posterior
    flat = posterior.flat()
    for i in range(2):
        ess = posterior.diagnostics.ess_bulk[i]
        error = TARGET.standard_deviation[i] / np.sqrt(ess)
        assert abs(flat[:, i].mean() - TARGET.mean[i]) < 5.0 * error


def test_evidence_counts_every_proposal(finished):
    posterior = finished.posterior
    weighted = posterior.weighted
    num_jumps = NUM_DRAWS // 3 * SCHEDULE.num_jumps * NUM_CHAINS
    assert weighted.num_proposals == num_jumps
    assert abs(posterior.log_evidence) < 5.0 * posterior.log_evidence_error
    assert posterior.log_evidence_error < 0.1


def test_both_maps_ruled_and_the_windows_are_recorded(finished):
    history = finished.posterior.history
    names = [window.name for window in history]
    assert names == ["anneal", "warmup 1", "warmup 2", "production"]
    assert [window.model for window in history[1:]] == ["gaussian", "maf", "maf"]
    assert [window.num_steps for window in history[1:]] == [54, 54, NUM_DRAWS]
    assert history[1].training.best_loss < history[1].training.baseline_loss
    for window in history[1:]:
        assert 0.05 < window.acceptance["local"] < 0.95
        assert 0.3 < window.acceptance["jump"] < 1.0


def test_warmup_draws_are_kept_apart(finished):
    warmup = finished.posterior.warmup
    assert warmup.theta.shape == (108, NUM_CHAINS, 2)
    np.testing.assert_array_equal(np.unique(warmup.window), [1, 2])


def test_every_evaluation_is_counted(finished):
    posterior = finished.posterior
    settings = SCHEDULE.anneal
    particles = settings.particles_per_chain * NUM_CHAINS
    levels = posterior.history[0].settings["levels"]
    annealing = 2 * particles + levels * settings.num_steps * particles
    moves = (108 + NUM_DRAWS) * NUM_CHAINS
    assert posterior.cost.log_prob_calls == annealing + moves
    assert posterior.cost.gradient_calls == 0


def test_seconds_add_up(finished):
    seconds = finished.posterior.cost.seconds
    parts = [seconds[kind] for kind in ("compile", "train", "sample")]
    assert min(parts) > 0.0
    assert seconds["total"] == pytest.approx(sum(parts))


def test_few_programs_are_compiled_and_none_between_blocks(finished):
    blocks = [report for report in finished.reports if report[0] == "sample"]
    assert len(blocks) > 3
    assert 3 <= finished.num_compilations <= MOST_COMPILATIONS[finished.backend]


def test_progress_tells_phases_in_order(finished):
    reports = finished.reports
    phases = list(dict.fromkeys(report[0] for report in reports))
    assert phases == ["anneal", "warm-up", "train", "sample"]
    last = {phase: (done, total) for phase, done, total, _ in reports}
    assert last["anneal"] == (100, 100)
    assert last["warm-up"] == (36, 36)
    assert last["sample"] == (NUM_DRAWS, NUM_DRAWS)


def test_the_frozen_model_comes_back(finished):
    posterior = finished.posterior
    model = posterior.model
    assert model.description["family"] == "maf"
    theta, _ = model.sample_and_log_prob(2000, seed=(1, 2))
    np.testing.assert_allclose(theta.numpy().mean(axis=0), TARGET.mean, atol=0.3)


def test_settings_are_recorded(finished):
    config = finished.posterior.config
    assert config["num_draws"] == NUM_DRAWS
    assert config["schedule"]["windows"] == SCHEDULE.windows
    assert config["model"]["options"]["num_layers"] == 2
