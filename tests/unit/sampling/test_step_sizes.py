"""Step sizes: to an acceptance, and smaller where trajectories diverge."""

from dataclasses import replace

import numpy as np
import pytest

from flowmc.sampling.state import DrawChunk, RunState
from flowmc.sampling.step_sizes import (
    STEP_LIMITS,
    adapt_step_size,
    aim,
    heed_divergences,
)


def test_too_many_acceptances_lengthen_the_step():
    for acceptance, is_longer in ((0.6, True), (0.1, False)):
        step = adapt_step_size(1.0, acceptance, target=0.3, count=0)
        assert (step > 1.0) == is_longer
    assert adapt_step_size(0.7, 0.3, target=0.3, count=3) == pytest.approx(0.7)


def test_changes_grow_smaller():
    changes = [
        abs(np.log(adapt_step_size(1.0, 0.6, target=0.3, count=count)))
        for count in range(20)
    ]
    assert np.all(np.diff(changes) < 0.0)
    assert changes[0] / changes[3] == pytest.approx(2.0)


def test_steps_stay_within_limits():
    low = adapt_step_size(STEP_LIMITS[0], 0.0, target=0.9, count=0)
    high = adapt_step_size(STEP_LIMITS[1], 1.0, target=0.1, count=0)
    assert (low, high) == STEP_LIMITS


def test_adaptation_finds_the_target_acceptance():
    random, step = np.random.default_rng(0), 10.0
    for count in range(400):
        rate = random.binomial(50, np.exp(-step)) / 50
        step = adapt_step_size(step, rate, target=0.3, count=count)
    assert np.exp(-step) == pytest.approx(0.3, abs=0.05)


class Trajectories:
    target_acceptance = 0.8


def make_state(*, diverged, window=1, chains=64, steps=10):
    """A window of `chains * steps` trajectories, after one with seven divergences."""
    rows = DrawChunk(
        position=np.zeros([steps, chains, 2]),
        log_prob=np.zeros([steps, chains]),
        is_accepted=np.ones([steps, chains], bool),
        kernel=np.zeros(steps, int),
        window=np.full(steps, window),
        proposal=np.empty([0, 2]),
        proposal_log_weight=np.empty(0),
    )
    state = RunState(phase="warmup", window=window, warmup=(rows,))
    return replace(
        state,
        problems={"divergences": 7 + diverged},
        scalars={"step_size": 0.4, "divergences": 7},
    )


def test_divergences_raise_the_aim_and_shorten_the_step():
    state, note = heed_divergences(make_state(diverged=10), Trajectories(), index=1)
    assert aim(state, Trajectories()) == pytest.approx(0.9)
    assert state.scalars["step_size"] == pytest.approx(0.3)
    assert state.scalars["divergences"] == 17
    assert "1.6% of the trajectories" in note
    further = make_state(diverged=10)
    further = replace(further, scalars={**state.scalars, "divergences": 7})
    state, _ = heed_divergences(further, Trajectories(), index=1)
    assert aim(state, Trajectories()) == pytest.approx(0.95)


@pytest.mark.parametrize(
    "unheard",
    [
        {"diverged": 3},  # half a per cent
        {"diverged": 10, "window": 0},  # the map was not fitted yet
        {"diverged": 10, "chains": 1},  # too few to say
    ],
)
def test_few_divergences_change_nothing(unheard):
    before = make_state(**unheard)
    index = unheard.get("window", 1)
    state, note = heed_divergences(before, Trajectories(), index=index)
    assert note is None
    assert state.scalars["step_size"] == 0.4
    assert aim(state, Trajectories()) == 0.8


def test_a_kernel_without_an_aim_is_left_alone():
    state, note = heed_divergences(make_state(diverged=100), object(), index=1)
    assert note is None
