"""What local steps cost: counted where they ran, bounded where they are to run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flowmc.sampling.settings import Schedule
from flowmc.sampling.state import RunState
from tests.unit.sampling.runs import NUM_CHAINS, make_engine

SCHEDULE = Schedule(windows=(4,), num_local=2, num_jumps=3)
SEED = np.array([1, 2], np.int32)


def begin(engine, *, phase="warmup"):
    x = np.random.default_rng(0).normal(size=(NUM_CHAINS, 2))
    return RunState(
        phase=phase,
        position=x,
        log_prob=engine.space.log_prob(x),
        scalars={"step_size": 0.5, "num_adapted": 0},
    )


def engine_with(kernel, backend="tensorflow"):
    return make_engine(backend, model="gaussian", kernel=kernel, schedule=SCHEDULE)


def spent(engine):
    target = engine.space.target
    return target.num_evaluations + target.num_gradients


@pytest.mark.parametrize(
    ("kernel", "most", "at_start"), [("nuts", 63, 1), ("elliptical_slice", 100, 0)]
)
def test_the_average_is_counted_and_the_limit_has_room(kernel, most, at_start):
    engine = engine_with(kernel)
    state = begin(engine)
    assert engine.local_cost(state) == most  # nothing is known yet
    bound = engine.sweep_cost(state)
    assert bound == NUM_CHAINS * (2 * most + 3 + at_start)
    before = spent(engine)
    _, state = engine.run_block(state, count=2, seed=SEED)
    _, state = engine.run_block(replace(state, unit=2), count=1, seed=SEED)
    of_local = spent(engine) - before - 3 * NUM_CHAINS * (3 + at_start)
    assert engine.local_cost(state) == of_local / (3 * NUM_CHAINS * 2)
    assert 1.0 < engine.local_cost(state) < most
    # All chains' longest trees at once are never met; three times the average are not.
    of_steps = math.ceil(2 * 3.0 * engine.local_cost(state))
    likely = NUM_CHAINS * (of_steps + 3 + at_start)
    assert engine.sweep_cost(state) == min(bound, likely)
    # The next window begins anew; production, whose blocks follow the clock, adds none.
    _, state = engine.run_block(replace(state, unit=0), count=1, seed=SEED)
    assert state.scalars["local_steps"] == NUM_CHAINS * 2
    frozen = replace(state, phase="produce")
    _, after = engine.run_block(frozen, count=1, seed=SEED)
    assert after.scalars == frozen.scalars


def test_a_walk_costs_one_and_time_in_the_target_is_entered():
    engine = engine_with("t_pcn", backend="numpy")
    state = begin(engine)
    before = engine.space.target.seconds
    _, state = engine.run_block(state, count=2, seed=SEED)
    assert engine.local_cost(state) == 1.0
    elapsed = engine.space.target.seconds - before
    assert 0.0 < state.seconds["target"] == pytest.approx(elapsed)
