"""How modes were looked for, in words, whatever the run had and did."""

from types import SimpleNamespace

import numpy as np
import pytest

from flowmc.core.records import WindowRecord
from flowmc.sampling.mode_report import mode_report
from flowmc.sampling.settings import Schedule
from flowmc.sampling.state import RunState

ANNEALED = {"inverse_temperature": 1.0, "particles": 64, "levels": 7}
REACHED = {"scout_inverse_temperature": 1.0, "unseen_by_main": 0.0}
STOPPED = {"scout_inverse_temperature": 0.25, "unseen_by_main": 0.9}
NOT_SENT = {"scout_inverse_temperature": 0.0, "adopted": False}


def searched(modes=(), *, anneal=None, has_reference=True, second_group=True):
    target = SimpleNamespace(notes=())
    space = SimpleNamespace(target=target, has_reference=has_reference)
    schedule = Schedule(second_group=second_group)
    name = "initial positions" if anneal is None else "anneal"
    first = WindowRecord(name, "none", 0, settings=anneal or {})
    state = RunState(history=(first,), modes=dict(modes))
    theta = np.random.default_rng(0).normal(size=(50, 4, 1))
    engine = SimpleNamespace(space=space, schedule=schedule)
    return mode_report(engine, state, theta, theta[..., 0])


@pytest.mark.parametrize(
    ("options", "second"),
    [
        ({"modes": REACHED}, "a second group was annealed from the reference"),
        ({"modes": STOPPED}, "stopped at inverse temperature 0.25, before the target"),
        ({"modes": NOT_SENT}, "no draw of the reference had any density"),
        ({"second_group": False}, "no second group, as asked for"),
        ({"has_reference": False}, "neither a prior nor finite bounds"),
        ({}, "the budget ended warm-up before its turn"),
    ],
)
def test_the_second_group_is_told_as_it_was(options, second):
    report = searched(**options)
    assert report["search"].startswith("the chains started at given positions; ")
    assert second in report["search"]
    annealed = searched(**options, anneal=ANNEALED)["search"]
    assert annealed.startswith("particles annealed ")
    assert annealed.endswith(report["search"].partition("; ")[2])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"modes": REACHED}, None),
        ({"modes": STOPPED}, "stopped at inverse temperature 0.25"),
        ({"second_group": False}, "as asked for"),
        ({"has_reference": False}, None),  # a reason of its own
        ({}, "the budget ended warm-up"),
    ],
)
def test_where_nobody_looked_the_report_has_the_reason(options, told):
    report = searched(**options, anneal=ANNEALED)
    if told is None:
        assert "unlooked" not in report
    else:
        assert told in report["unlooked"]


def test_where_the_particles_came_from_and_got_to():
    found = searched(anneal={**ANNEALED, "inverse_temperature": 0.5})
    assert "to the target, stopped at inverse temperature 0.5;" in found["search"]
    assert (found["particles"], found["temperatures"]) == (64, 7)
    found = searched(anneal=ANNEALED, has_reference=False)
    assert "from a normal law, without prior or bounds, to" in found["search"]
