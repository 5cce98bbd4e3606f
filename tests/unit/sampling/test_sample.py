"""A whole run: what it returns, what it compiles, and that one seed gives one run."""

import numpy as np
import pytest

from flowmc import Target
from flowmc.sampling.space import Space
from flowmc.sampling.state import join_chunks
from flowmc.sampling.warmup import KERNEL_NAMES
from tests.unit.sampling.runs import (
    BOUNDS,
    NUM_CHAINS,
    NUM_DRAWS,
    SCHEDULE,
    TARGET,
    run_bare,
)

# One block for each of two maps, whatever the temperature, and training.  On the host
# each kernel is compiled in three small parts instead.
DRAWS_PER_SWEEP = SCHEDULE.num_local + SCHEDULE.num_jumps
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
    num_local = posterior.config["pilot"]["num_local"]
    num_sweeps = -(-NUM_DRAWS // (num_local + SCHEDULE.num_jumps))
    assert weighted.num_proposals == num_sweeps * SCHEDULE.num_jumps * NUM_CHAINS
    assert abs(posterior.log_evidence) < 5.0 * posterior.log_evidence_error
    assert posterior.log_evidence_error < 0.1


def named(finished, name):
    return [window for window in finished.posterior.history if window.name == name]


def test_the_phases_are_recorded(finished):
    assert [window.name for window in finished.posterior.history] == [
        "anneal",
        "warmup 1",
        "second group",
        "warmup 2",
        "warmup 3",
        "groups compared",
        "production",
    ]
    (anneal,) = named(finished, "anneal")
    assert anneal.settings["inverse_temperature"] == 1.0
    assert anneal.settings["particles"] == 8 * NUM_CHAINS
    (second,) = named(finished, "second group")
    assert second.settings["scout_inverse_temperature"] == 1.0
    assert second.settings["unseen_by_main"] < 0.02
    (compared,) = named(finished, "groups compared")
    assert compared.settings["unseen"] < 0.02


def test_both_maps_ruled_and_the_windows_are_recorded(finished):
    windows = [
        window
        for window in finished.posterior.history
        if window.name.startswith("warmup") or window.name == "production"
    ]
    # The map a window began with; each was fitted at the end of the one before.
    assert windows[0].model == "gaussian"
    assert windows[-1].model == "maf"
    num_draws = [count * DRAWS_PER_SWEEP for count in SCHEDULE.windows]
    for window, number in zip(windows, num_draws, strict=False):
        assert window.num_steps >= number
    assert windows[-1].num_steps >= NUM_DRAWS
    last = windows[-2].training
    assert last.best_loss < last.baseline_loss
    for window in windows:
        assert 0.05 < window.acceptance["local"] < 0.99
        assert 0.3 < window.acceptance["jump"] < 1.0


def test_warmup_draws_are_kept_apart(finished):
    posterior = finished.posterior
    warmup, history = posterior.warmup, posterior.history
    of_warmup = [w for w in history if w.name.startswith("warmup")]
    total = sum(window.num_steps for window in of_warmup)
    assert warmup.theta.shape == (total, NUM_CHAINS, 2)
    np.testing.assert_array_equal(
        np.unique(warmup.window), [history.index(window) for window in of_warmup]
    )


def test_every_evaluation_is_counted(engineered):
    """Each sweep evaluates each of its draws once, and HMC its gradients besides."""
    engine, _, final, states = engineered
    particles = SCHEDULE.anneal.particles_per_chain * NUM_CHAINS
    assert states[0].num_log_prob == 4 * particles
    sweep = particles * DRAWS_PER_SWEEP
    started = [state for state in states if state.phase == "warmup"][0]
    annealed = started.num_log_prob - 4 * particles
    levels = started.history[0].settings["levels"]
    has_gradient = engine.kernel != "t_pcn"
    if not has_gradient:
        assert annealed % sweep == 0
        assert levels <= annealed // sweep <= 4 * levels
    num_draws = len(join_chunks(final.draws).position) * NUM_CHAINS
    frozen = next(state for state in states if state.phase == "produce")
    spent = final.num_spent - frozen.num_spent
    if not has_gradient:
        assert spent == num_draws
        assert final.num_gradient == 0
    else:
        assert spent > num_draws
        assert final.num_gradient > 0
    target = engine.space.target
    assert target.num_evaluations >= final.num_log_prob


@pytest.mark.parametrize("kernel", ["t_pcn", "hmc"])
def test_a_host_function_is_called_as_often_as_is_said(kernel):
    seen = {"log_prob": 0, "gradient": 0}

    def log_prob(theta):
        seen["log_prob"] += len(theta)
        return -0.5 * np.sum(theta**2, axis=-1)

    def value_and_gradient(theta):
        seen["gradient"] += len(theta)
        return -0.5 * np.sum(theta**2, axis=-1), -theta

    target = Target(
        log_prob,
        names=["a", "b"],
        bounds=[(-5.0, 6.0)] * 2,
        backend="numpy",
        value_and_gradient_fn=value_and_gradient,
    )
    seen.update(log_prob=0, gradient=0)  # set-up is not counted
    posterior = run_bare(target, initial=None, kernel=kernel)
    assert posterior.cost.log_prob_calls == seen["log_prob"]
    assert posterior.cost.gradient_calls == seen["gradient"]
    assert (seen["gradient"] > 0) == (kernel == "hmc")


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
    assert set(phases) == {"anneal", "warm-up", "train", "second group", "sample"}
    assert phases.index("anneal") < phases.index("warm-up")
    assert phases.index("second group") < phases.index("sample")
    assert phases[-1] == "sample"
    last = {phase: (done, total) for phase, done, total, _ in reports}
    assert last["anneal"] == (100, 100)
    assert last["warm-up"] == (sum(SCHEDULE.windows),) * 2
    assert last["second group"] == (100, 100)
    assert last["sample"] == (NUM_DRAWS, NUM_DRAWS)


def test_the_frozen_model_comes_back(finished):
    posterior = finished.posterior
    model = posterior.model
    assert model.description["family"] == "maf"
    x, _ = model.sample_and_log_prob(2000, seed=(1, 2))
    # It is a model of the unconstrained coordinates.
    theta, _ = Space(TARGET.target("numpy", bounds=BOUNDS)).to_theta(x)
    np.testing.assert_allclose(theta.mean(axis=0), TARGET.mean, atol=0.3)


def test_settings_are_recorded(finished):
    config = finished.posterior.config
    assert config["num_draws"] == NUM_DRAWS
    assert config["reproducible"] is True
    assert config["schedule"]["windows"] == SCHEDULE.windows
    assert config["model"]["options"]["num_layers"] == 2


def test_the_pilot_says_what_it_chose_and_why(finished):
    pilot = finished.posterior.config["pilot"]
    production = finished.posterior.history[-1]
    assert production.settings["num_local"] == pilot["num_local"]
    reason = pilot["reasons"]["num_local"]
    assert reason.startswith(f"{pilot['num_local']}: a local step is worth")
    assert pilot["num_jumps"] == SCHEDULE.num_jumps


def test_each_draw_has_its_proposal_density_and_weight(finished):
    posterior = finished.posterior
    stats, proposed = posterior.stats, posterior.weighted
    assert stats["log_q"].shape == stats["log_weight"].shape == (NUM_DRAWS, NUM_CHAINS)
    assert np.isfinite(stats["log_q"]).all()
    # Draws and proposals are weighted by the same two densities.
    rows, columns = np.nonzero(
        stats["is_accepted"] & (stats["kernel"] == KERNEL_NAMES.index("jump"))[:, None]
    )
    weight_of = {
        tuple(theta): weight
        for theta, weight in zip(proposed.theta, proposed.log_weight, strict=True)
    }
    expected = [
        weight_of[tuple(posterior.theta[i, j])]
        for i, j in zip(rows, columns, strict=True)
    ]
    np.testing.assert_allclose(stats["log_weight"][rows, columns], expected, atol=1e-6)


def test_a_limit_of_seconds_is_marked_as_not_reproducible():
    target = TARGET.target("numpy")
    assert run_bare(target, max_seconds=60.0).config["reproducible"] is False
