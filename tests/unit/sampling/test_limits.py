"""`max_evaluations` is kept, whatever phase it ends."""

from dataclasses import replace

import numpy as np
import pytest

from flowmc import targets
from flowmc.core.progress import NullProgress
from flowmc.core.seeds import root_seed
from flowmc.sampling.annealing import Annealer
from flowmc.sampling.budget import Budget, Room
from flowmc.sampling.costs import fitting_local_steps, sweeps_within, tempered_cost
from flowmc.sampling.descent import descend
from flowmc.sampling.engine import Engine
from flowmc.sampling.settings import AnnealSettings, Schedule
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState
from tests.unit.sampling.runs import advance

NUM_CHAINS = 64
TRUTH = targets.ill_conditioned_gaussian(8)
# More particles and sweeps than small budgets can pay for.
SCHEDULE = Schedule(anneal=AnnealSettings(particles_per_chain=2))


def make_engine(backend, kernel):
    return Engine(
        Space(TRUTH.target(backend, bounds=[(-100.0, 100.0)] * 8)),
        model="gaussian",
        kernel=kernel,
        schedule=SCHEDULE,
        num_chains=NUM_CHAINS,
        seed=root_seed(5),
        progress=NullProgress(),
    )


@pytest.fixture(
    scope="module", params=[("tensorflow", "hmc@affine"), ("numpy", "t_pcn")]
)
def engine(request):
    return make_engine(*request.param)


def spent(engine):
    target = engine.space.target
    return target.num_evaluations + target.num_gradients


def run(engine, limit):
    engine.learner.from_arrays(engine.blank)
    return advance(engine, RunState(), num_draws=10**6, max_evaluations=limit)


@pytest.mark.parametrize("limit", [5_000, 10_000, 30_000])
def test_no_run_spends_more_than_its_limit(engine, limit):
    before = spent(engine)
    final, reasons, _ = run(engine, limit)
    assert limit - engine.sweep_cost(final) < final.num_spent <= limit
    assert f"budget of {limit} evaluations" in reasons[0]
    assert final.num_draws > 0
    assert final.num_spent == spent(engine) - before


def test_the_least_that_is_made(engine):
    """Below this no limit can be kept: a draw for each chain, and one short sweep."""
    final, _, _ = run(engine, 10)
    assert final.num_draws == 1 + SCHEDULE.num_jumps
    of_sweep = final.num_spent - NUM_CHAINS
    assert of_sweep <= NUM_CHAINS * (10 + SCHEDULE.num_jumps + 1)
    b = final.history[0].settings["inverse_temperature"]
    assert b == 0.0


def test_counts_alone_decide(engine):
    first, again = (run(engine, 10_000)[0] for _ in range(2))
    assert first.num_spent == again.num_spent
    np.testing.assert_array_equal(first.position, again.position)


def test_particles_become_fewer_before_there_are_none():
    engine = make_engine("numpy", "t_pcn")
    annealer = Annealer(engine, num_particles=4 * NUM_CHAINS, seed=(1, 2))
    cloud = annealer.start()
    each = tempered_cost(engine, step_size=cloud.step_size)
    assert each == SCHEDULE.num_local + SCHEDULE.num_jumps
    batch, before = NUM_CHAINS * each, spent(engine)
    moved = annealer.advance(cloud, level=1, room=Room(0.0, 2.9 * batch))
    assert len(moved.x) == 2 * NUM_CHAINS
    assert spent(engine) - before == 2 * batch  # beyond its share: one sweep
    assert annealer.advance(moved, level=2, room=Room(0.0, 0.9 * batch)) is None
    assert spent(engine) - before == 2 * batch


def test_first_draws_are_no_more_than_there_is_room_for():
    engine = make_engine("numpy", "t_pcn")
    for room, count in ((Room(100.0, 500.0), 100), (Room(0.0, 0.0), 64)):
        annealer = Annealer(engine, num_particles=NUM_CHAINS, seed=(1, 2))
        assert len(annealer.start(room=room).x) == count


@pytest.mark.parametrize("most", [100, 600, 1_500, 10_000])
def test_descents_keep_to_their_room(most):
    target = TRUTH.target("tensorflow", bounds=[(-100.0, 100.0)] * 8)
    found = descend(Space(target), 64, seed=root_seed(5), most=most)
    taken = target.num_evaluations + target.num_gradients
    assert taken <= most
    assert (taken > 0) == (most >= 4 * 64)
    assert (found is not None) == (most == 10_000)


def test_sweeps_that_surely_fit_and_one_that_is_likely_to():
    engine = make_engine("tensorflow", "nuts")
    scalars = {"step_size": 0.5, "local_steps": 10, "local_evaluations": 50}
    state = RunState(phase="produce", scalars=scalars)
    likely = engine.sweep_cost(state)
    most = NUM_CHAINS * (63 * 4 + 12 + 1)
    assert likely == NUM_CHAINS * (15 * 4 + 12 + 1)
    found = [sweeps_within(engine, state, room) for room in (likely - 1, likely, most)]
    assert found == [0, 1, 1]
    assert sweeps_within(engine, state, 3 * most) == 3
    assert sweeps_within(engine, state, np.inf) == np.inf
    shorter = fitting_local_steps(engine, state, NUM_CHAINS * (15 * 2 + 12 + 1))
    assert shorter.scalars["num_local"] == 2
    assert fitting_local_steps(engine, state, 0).scalars["num_local"] == 1
    assert fitting_local_steps(engine, state, likely) is state
    told = replace(state, pilot={"num_local": 4, "reasons": {"num_local": "4: so"}})
    told = fitting_local_steps(engine, told, NUM_CHAINS * (15 * 3 + 12 + 1)).pilot
    assert told["num_local"] == 3
    assert told["reasons"]["num_local"].startswith("3: the budget leaves no room")


def test_room_is_what_is_left():
    budget = Budget(10, max_evaluations=1_000)
    room = budget.room(300, share=0.5, reserve=100)
    assert room == (200.0, 600)
    assert room.least == 200.0
    assert room.takes(150, spent=50)
    assert not room.takes(151, spent=50)
    assert room.whole(10, cost=250) == 2
    assert Budget(10).room(10**9, share=0.5, reserve=5) == Room()
    assert Room().whole(7, cost=10**9) == 7
