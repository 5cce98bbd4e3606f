"""Shares by seconds: one measurement, kept as one integer, and replayed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from flowmc import Target
from flowmc.core.errors import ConfigurationError
from flowmc.results.ledger import notes_of_run, setting_rows
from flowmc.sampling import adaptive, timed_shares
from flowmc.sampling.pilot import local_steps
from flowmc.sampling.settings import AnnealSettings, Schedule
from flowmc.sampling.state import RunState, state_from_checkpoint, state_to_checkpoint
from flowmc.sampling.timed_shares import choose_by_seconds
from tests.unit.sampling.comparison import assert_same_state
from tests.unit.sampling.runs import NUM_CHAINS, advance, make_engine, run_bare

SCHEDULE = Schedule(
    windows=(4,),
    extra_windows=0,
    num_local=4,
    num_jumps=3,
    second_group=False,
    shares_by="seconds",
    anneal=AnnealSettings(particles_per_chain=2),
)
MOST = 8


@pytest.fixture(scope="module", params=["tensorflow", "numpy"])
def engine(request):
    return make_engine(request.param, model="gaussian", schedule=SCHEDULE)


@pytest.fixture(scope="module")
def done(engine):
    """The last state, all states, and what the target had counted by then."""
    final, _, states = advance(engine, RunState())
    of = engine.space.target
    return final, states, of.num_evaluations + of.num_gradients


def target():
    def log_prob(theta):
        return -0.5 * np.sum(theta**2, axis=-1)

    return Target(log_prob, names=["a", "b"], backend="numpy")


def stored(state):
    arrays, meta = state_to_checkpoint(state)
    return state_from_checkpoint(arrays, json.loads(json.dumps(meta)))


def frozen(states):
    return next(state for state in states if state.phase == "produce")


def test_the_choice_is_kept_and_its_evaluations_are_counted(engine, done):
    final, states, counted = done
    assert final.num_spent == counted
    start = frozen(states)
    assert not start.draws  # timed blocks are no draws
    num_local = start.scalars["num_local"]
    assert 1 <= num_local <= MOST
    assert final.pilot["num_local"] == final.scalars["num_local"] == num_local
    reason = final.pilot["reasons"]["num_local"]
    assert reason.startswith(f"{num_local}: seconds decided: a local step takes")
    ratio = final.pilot["seconds_per_jump"]
    assert ratio == float(f"{ratio:.2g}")
    assert final.num_draws % (num_local + SCHEDULE.num_jumps) == 0
    last = states[states.index(start) - 1]
    timed = timed_shares.REPEATS * timed_shares.SWEEPS * NUM_CHAINS
    assert start.num_spent - last.num_spent > timed * 2 * (1 + SCHEDULE.num_jumps)


def test_a_resumed_run_measures_nothing(engine, done, monkeypatch):
    def never(*args, **options):
        raise RuntimeError("measured again")

    final, states, _ = done
    monkeypatch.setattr(adaptive, "choose_by_seconds", never)
    engine.restore(frozen(states))
    again, _, _ = advance(engine, stored(frozen(states)))
    assert_same_state(again, final)


@pytest.mark.parametrize(("step", "jump"), [(1.0, 1.0), (30.0, 1.0), (1.0, 30.0)])
def test_the_seconds_decide(engine, done, monkeypatch, step, jump):
    """A sweep of n steps takes n steps and three jumps."""
    state = frozen(done[1])
    noise = iter([2.0, 1.5, 1.2, 1.0, 1.0, 3.0])  # the fastest of three counts

    def time(engine, state, kind, seed):
        seconds = kind.scalars["num_local"] * step + SCHEDULE.num_jumps * jump
        return seconds * next(noise), state

    monkeypatch.setattr(timed_shares, "_time", time)
    found = choose_by_seconds(engine, state)
    assert found.pilot["seconds_per_jump"] == pytest.approx(step / jump, rel=0.05)
    assert found.scalars["num_local"] == local_steps(
        state.pilot["local_worth"],
        state.pilot["jump_worth"],
        cost=found.pilot["seconds_per_jump"],
        num_jumps=SCHEDULE.num_jumps,
        most_local=MOST,
    )
    assert found.position is state.position
    assert found.unit == state.unit


def test_a_clock_that_sees_no_difference_has_an_end(engine, done, monkeypatch):
    state = frozen(done[1])
    for seconds in (0.0, 1.0):
        monkeypatch.setattr(timed_shares, "_time", lambda e, s, k, x, t=seconds: (t, s))
        assert 1 <= choose_by_seconds(engine, state).scalars["num_local"] <= MOST


def test_where_timing_is_too_dear_counts_decide(engine, done):
    state = frozen(done[1])
    before = engine.space.target.num_evaluations
    found = choose_by_seconds(engine, state, room=100)
    assert engine.space.target.num_evaluations == before
    assert found.scalars == state.scalars
    assert "100 are left: counts did" in found.pilot["reasons"]["num_local"]
    bare = replace(state, pilot={})
    assert choose_by_seconds(engine, bare) is bare


def test_such_a_run_is_marked():
    posterior = run_bare(target(), schedule=SCHEDULE)
    assert posterior.config["reproducible"] is False
    assert "Not reproducible: seconds chose" in notes_of_run(posterior)[0]
    why = {row[0]: row[2] for row in setting_rows(posterior) if row[2] != "measured"}
    assert "second" in why["num local"]
    usual = run_bare(target(), schedule=replace(SCHEDULE, shares_by="counts"))
    assert usual.config["reproducible"] is True
    assert notes_of_run(usual) == []


def test_another_clock_is_unknown():
    with pytest.raises(ConfigurationError, match="one of counts, seconds; got 'hours'"):
        Schedule(shares_by="hours")
