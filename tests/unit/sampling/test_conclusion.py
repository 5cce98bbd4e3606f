"""The end of warm-up: what the second group had seen is seen, mixed in, or told."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.records import WindowRecord
from flowmc.sampling.conclusion import GIVEN, conclude, scout_window
from flowmc.sampling.settings import Schedule
from flowmc.sampling.state import RunState
from tests.unit.sampling.runs import make_engine

HERE, THERE = 0.0, 12.0


def draws(center, *, n=1500, seed=0):
    return center + np.random.default_rng(seed).normal(size=(n, 2))


def trained(engine, center, *, rules="network"):
    """Let the engine's learner know the draws around `center`."""
    learner = engine.learner
    learner.replay.clear()
    learner.replay.add(draws(center))
    learner.network.fit_whitening(draws(center))
    learner.fit_affine()
    learner.rules = rules
    return {k: np.copy(v) for k, v in learner.to_arrays().items()}


def state_after(scout_learned, *, found=THERE, adopted=True, b=1.0):
    """The state in which a second group found draws around `found`."""
    scout = {f"learner/{name}": array for name, array in scout_learned.items()}
    scout["draws"] = draws(found, seed=1)
    return RunState(
        phase="warmup",
        scout=scout,
        modes={"adopted": adopted, "scout_inverse_temperature": b},
    )


@pytest.fixture
def engine():
    return make_engine("numpy")


def test_without_a_second_group_nothing_changes(engine):
    state = RunState(phase="warmup")
    assert conclude(engine, state) is state


def test_a_mixture_of_both_flows_proposes_what_either_knows(engine):
    second = trained(engine, THERE)
    trained(engine, HERE)
    state = conclude(engine, state_after(second))
    learner = engine.learner
    assert learner.rules == "mixture"
    record = state.history[-1]
    assert record.name == "groups compared"
    assert "mixture of both groups' flows" in record.notes[0]
    assert state.modes["unseen_at_the_end"] < 0.02
    assert "alarm" not in state.modes
    x = learner.proposals["mixture"].model.sample(2000, seed=1).numpy()
    share = np.mean(x[:, 0] > 6.0)
    assert share == pytest.approx(0.5, abs=0.06)  # of what it is to propose
    for path, array in learner.to_arrays().items():
        np.testing.assert_array_equal(state.learned[path], array, err_msg=path)


def test_a_second_flow_like_the_first_is_left_out(engine):
    second = trained(engine, HERE)
    state = conclude(engine, state_after(second, found=HERE))
    assert engine.learner.rules == "network"
    assert "not used" in state.history[-1].notes[0]
    assert state.modes["unseen_at_the_end"] == 0.0


def test_what_is_not_seen_raises_the_alarm(engine):
    second = trained(engine, THERE, rules="affine")
    trained(engine, HERE, rules="affine")
    state = conclude(engine, state_after(second, adopted=False))
    assert engine.learner.rules == "affine"
    assert state.modes["unseen_at_the_end"] == 1.0
    assert "100.0% of the draws of a second" in state.modes["alarm"]


def test_found_draws_among_ones_own_do_not_hush_the_alarm(engine):
    """A map that did not learn what was adopted is told from what was known before."""
    second = trained(engine, THERE, rules="affine")
    trained(engine, HERE, rules="affine")
    learner = engine.learner
    learner.replay.add(draws(THERE, seed=1))
    state = state_after(second)
    hushed = conclude(engine, state)
    assert hushed.modes["unseen_at_the_end"] < 0.02  # its own draws are the measure
    state.scout["chains_draws"] = draws(HERE)
    told = conclude(engine, state)
    assert told.modes["unseen_at_the_end"] > 0.98
    assert "practically no density" in told.modes["alarm"]


def test_a_group_that_did_not_arrive_raises_none(engine):
    second = trained(engine, THERE, rules="affine")
    trained(engine, HERE, rules="affine")
    state = conclude(engine, state_after(second, adopted=False, b=0.3))
    assert "alarm" not in state.modes


def test_flows_of_different_families_are_not_mixed(engine):
    """The chains may have taken up another family since the group was sent."""
    other = make_engine("numpy", model=models.make("realnvp", event_size=2))
    second = trained(other, THERE)
    trained(engine, HERE)
    state = conclude(engine, state_after(second))
    assert engine.learner.rules == "network"
    assert "alarm" in state.modes


def test_the_group_is_sent_with_two_windows_to_come():
    annealed = RunState(history=(WindowRecord("anneal", "gaussian", 9),))
    assert scout_window(Schedule(), annealed) == 2
    for count, expected in ((1, 0), (2, 0), (3, 1), (6, 4)):
        assert scout_window(Schedule(windows=(2,) * count), annealed) == expected


def test_the_group_is_sent_early_where_chains_began_at_given_positions():
    given = RunState(history=(WindowRecord(GIVEN, "none", 0),))
    for count, expected in ((1, 0), (2, 0), (3, 1), (6, 1)):
        assert scout_window(Schedule(windows=(2,) * count), given) == expected
