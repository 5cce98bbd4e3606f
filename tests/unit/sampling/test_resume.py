"""Interrupted and resumed: the same run, to the last bit, wherever it was cut."""

import json
import time
from itertools import pairwise

import numpy as np
import pytest

from flowmc.core.errors import CheckpointMismatchError, InterruptedRunError
from flowmc.results.checkpoint import load_checkpoint
from flowmc.sampling import adaptive
from flowmc.sampling.production import produce, smallest_ess
from flowmc.sampling.state import (
    RunState,
    join_chunks,
    state_from_checkpoint,
    state_to_checkpoint,
)
from flowmc.targets.target import Target
from tests.unit.sampling.comparison import assert_same_posterior, assert_same_state
from tests.unit.sampling.runs import NUM_DRAWS, Recorder, advance, run, run_bare


class StopAfter:
    """Says yes when it was asked often enough."""

    def __init__(self, count):
        self.left = count

    def __call__(self):
        self.left -= 1
        return self.left < 0


def stored(state):
    """Send a state through its form on disk."""
    arrays, meta = state_to_checkpoint(state)
    return state_from_checkpoint(arrays, json.loads(json.dumps(meta)))


def one_unit(engine, state):
    """Return the state after one more unit of work."""
    recorder = Recorder()
    with pytest.raises(InterruptedRunError):
        advance(engine, state, recorder=recorder, should_stop=StopAfter(1))
    return recorder.states[-1]


def test_every_unit_resumed_does_the_same(engineered):
    """Unit by unit, each from the disk and in an engine that knows nothing."""
    engine, _, final, states = engineered
    phases = {"anneal", "warmup", "scout", "produce", "done"}
    assert {state.phase for state in states} == phases
    for before, after in pairwise(states):
        state = stored(before)
        engineered.put_back(state)
        if before.phase == "produce":  # how long a unit is depends on the clock
            again, _, _ = advance(engine, state)
            assert_same_state(again, final)
        elif before.phase != "done":
            assert_same_state(one_unit(engine, state), after)


def test_without_a_budget_steps_are_adapted_as_often_as_the_schedule_says(engineered):
    warm = [state for state in engineered.states if state.phase == "warmup"]
    units = {state.unit for state in warm}
    assert units <= {0, 6, 12, 18}
    assert {6, 12} <= units


def test_the_first_unit_is_the_same_again(engineered):
    engineered.put_back(RunState())
    again = one_unit(engineered.engine, RunState())
    assert_same_state(again, engineered.states[0])


def test_states_survive_the_disk(engineered):
    for state in engineered.states:
        assert_same_state(stored(state), state)


def test_block_length_does_not_change_draws(engineered, monkeypatch):
    engine, _, final, states = engineered
    start = next(state for state in states if state.phase == "produce")
    assert not start.draws
    for seconds in (1e-9, 1e9):
        monkeypatch.setattr(adaptive, "BLOCK_SECONDS", seconds)
        engineered.put_back(start)
        again, _, units = advance(engine, start)
        assert_same_state(again, final)
        lengths = {len(chunk.position) for chunk in units[-1].draws}
        assert (lengths == {engine.draws_per_sweep(start)}) == (seconds < 1.0)
    pieces = start
    for num_sweeps in (1, 4, 2):
        pieces = produce(engine, pieces, num_sweeps=num_sweeps)
    whole = produce(engine, start, num_sweeps=7)
    np.testing.assert_array_equal(
        join_chunks(pieces.draws).position, join_chunks(whole.draws).position
    )


def test_a_finished_run_goes_on_if_more_is_asked(engineered):
    engine, _, final, states = engineered
    start = next(state for state in states if state.phase == "produce")
    engineered.put_back(start)
    longer, _, _ = advance(engine, start, num_draws=2 * NUM_DRAWS)
    assert longer.num_draws == 2 * NUM_DRAWS
    engineered.put_back(final)
    continued, _, _ = advance(engine, stored(final), num_draws=2 * NUM_DRAWS)
    assert_same_state(continued, longer)
    same, _, _ = advance(engine, stored(final))
    assert_same_state(same, final)


def test_production_changes_nothing_learned(engineered):
    engine, _, final, states = engineered
    frozen = next(state for state in states if state.phase == "produce")
    engineered.put_back(final)
    now = engine.learner.to_arrays()
    for path, array in frozen.learned.items():
        np.testing.assert_array_equal(now[path], array, err_msg=path)
    assert final.scalars["step_size"] == frozen.scalars["step_size"]


def test_the_budget_of_evaluations_is_kept(engineered):
    engine, _, final, states = engineered
    start = next(state for state in states if state.phase == "produce")
    limit = 2 * start.num_spent + 20 * engine.sweep_cost(start)
    engineered.put_back(start)
    cut, reasons, _ = advance(engine, start, num_draws=10_000, max_evaluations=limit)
    # Gradients are evaluations too; no sweep is begun that might not be paid for.
    assert limit - engine.sweep_cost(start) < cut.num_spent <= limit
    assert (cut.num_gradient > 0) == (engine.kernel != "t_pcn")
    assert 0 < cut.num_draws < 10_000
    assert "Raise `max_evaluations`" in reasons[0]
    # A few draws fewer are the same draws.
    n = min(cut.num_draws, final.num_draws)
    np.testing.assert_array_equal(
        join_chunks(cut.draws).position[:n], join_chunks(final.draws).position[:n]
    )


def test_its_share_of_the_budget_ends_the_warmup(engineered):
    engine, _, _, states = engineered
    start = next(state for state in states if state.window == 1)
    engineered.put_back(start)
    limit = int(start.num_spent / 0.9)
    cut, _, _ = advance(engine, start, max_evaluations=limit)
    assert "warmup 2" not in [window.name for window in cut.history]
    assert any("ended early" in note for w in cut.history for note in w.notes)


@pytest.mark.parametrize("limit", [6_000, 20_000, 35_000])
def test_no_phase_spends_more_than_the_limit(engineered, limit):
    engineered.put_back(RunState())
    engine = engineered.engine
    cut, _, states = advance(
        engine, RunState(), num_draws=10_000, max_evaluations=limit
    )
    assert limit - engine.sweep_cost(cut) < cut.num_spent <= limit
    start = next(state for state in states if state.phase == "produce")
    # Four fifths, and at most a part of one unit of work more.
    assert start.num_spent < 0.95 * limit


def test_a_target_ess_is_reached(engineered):
    engine, _, final, _ = engineered
    engineered.put_back(final)
    wanted = 1.5 * smallest_ess(final)
    longer, reasons, _ = advance(engine, final, target_ess=wanted)
    assert longer.num_draws > final.num_draws
    assert smallest_ess(longer) >= wanted
    assert reasons == []
    engineered.put_back(final)
    assert advance(engine, final, target_ess=1.0)[0].num_draws == final.num_draws


def test_a_limit_of_seconds_ends_the_run(engineered):
    engine, _, final, _ = engineered
    engineered.put_back(final)
    cut, reasons, _ = advance(engine, final, num_draws=10**6, max_seconds=0.2)
    assert cut.num_draws < 10**6
    assert "Raise `max_seconds`" in reasons[0]


# The same through `sample` itself, with files, in a new engine each time.


def interrupted(backend, path, stops):
    """Interrupt a run again and again; return the phases it was cut in."""
    phases = []
    for count in stops:
        with pytest.raises(InterruptedRunError, match="resume from there"):
            run(backend, checkpoint=path, resume=True, should_stop=StopAfter(count))
        phases.append(state_from_checkpoint(*load_checkpoint(path)).phase)
    return phases


@pytest.mark.full
def test_interrupted_and_resumed_through_files(finished, tmp_path):
    path = tmp_path / "state.h5"
    # How many units each phase has differs between the two kinds of target.
    phases = interrupted(finished.backend, path, [3, 5, 9])
    assert len(set(phases)) >= 2
    resumed = run(finished.backend, checkpoint=path, resume=True)
    assert_same_posterior(resumed, finished.posterior)


def slow_log_prob(theta):
    time.sleep(0.002)
    return -0.5 * np.sum(theta**2, axis=-1)


def test_seconds_in_the_target_add_up(tmp_path):
    path = tmp_path / "state.h5"
    first, second = (
        Target(slow_log_prob, names=["a", "b"], backend="numpy") for _ in range(2)
    )
    with pytest.raises(InterruptedRunError):
        run_bare(first, checkpoint=path, should_stop=StopAfter(2))
    before = state_from_checkpoint(*load_checkpoint(path)).seconds["target"]
    assert 0.0 < before <= first.seconds
    resumed = run_bare(second, checkpoint=path, resume=True)
    spent = resumed.cost.seconds["target"]
    assert spent == pytest.approx(before + second.seconds)
    # A target that another run has used brings nothing along.
    again = run_bare(second).cost.seconds
    assert again["target"] <= again["total"]


@pytest.mark.full
def test_interrupted_at_every_unit(finished, tmp_path):
    path = tmp_path / "state.h5"
    # How many units a phase has is the schedule's affair: stop until the last one.
    phases = interrupted(finished.backend, path, [1])
    while phases[-1] != "produce" and len(phases) < 40:
        phases += interrupted(finished.backend, path, [1])
    phases += interrupted(finished.backend, path, [1])
    assert set(phases) == {"anneal", "warmup", "scout", "produce"}
    resumed = run(finished.backend, checkpoint=path, resume=True)
    assert_same_posterior(resumed, finished.posterior)


def test_the_seed_is_told_as_given(finished):
    assert finished.posterior.config["seed"] == 5


def test_same_seed_same_draws(finished, engineered):
    draws = join_chunks(engineered.final.draws).position[:NUM_DRAWS]
    theta, _ = engineered.engine.space.to_theta(draws.reshape(-1, 2))
    np.testing.assert_array_equal(theta.reshape(draws.shape), finished.posterior.theta)


def test_another_run_is_not_resumed(tmp_path):
    path = tmp_path / "state.h5"
    with pytest.raises(InterruptedRunError):
        run("numpy", checkpoint=path, should_stop=StopAfter(1))
    for change in ({"seed": 6}, {"num_chains": 16}, {"model": "gaussian"}):
        with pytest.raises(CheckpointMismatchError):
            run("numpy", checkpoint=path, resume=True, **change)
