"""The count of honest verdicts, and the tables, from rows made by hand."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def row(*, ok, right, iid=900.0, problem="mixture10", settings="default", seed=0):
    check = {"name": "weight", "value": 0.3, "goal": "1/3", "met": right}
    return {
        "problem": problem,
        "contestant": "flowmc",
        "settings": settings,
        "seed": seed,
        "verdict_ok": ok,
        "iid": iid,
        "reasons": [] if ok else ["R-hat must be below 1.01; it is 1.2."],
        "checks": [check | {"right": right}, check | {"name": "cost", "right": None}],
    }


ROWS = [
    row(ok=True, right=True),
    row(ok=True, right=True, seed=1),
    row(ok=False, right=True, seed=2),
    row(ok=False, right=False, settings="few draws"),
    row(ok=True, right=False, settings="trapped"),
    row(ok=False, right=True, settings="few chains", iid=150.0),
]


def test_verdicts_are_counted_by_truth(script):
    assert script("samplers_honesty").honesty(ROWS) == {
        ("right", True): 2,
        ("right", False): 1,
        ("middling", True): 0,
        ("middling", False): 1,
        ("wrong", True): 1,
        ("wrong", False): 1,
    }


def test_share_and_surprises_are_told(script):
    text = "\n".join(script("samplers_honesty").honesty_tables(ROWS))
    assert "67% of right answers called good (goal: 90 %), 1 wrong ones" in text
    assert "| wrong, good | mixture10 | trapped | 0 | weight 0.3 |" in text
    assert "| right, not good | mixture10 | default | 2 |" in text


def test_targets_that_cannot_be_good_are_counted_apart(script):
    heavy = [row(ok=False, right=True, problem="student10")]
    text = "\n".join(script("samplers_honesty").honesty_tables(ROWS[:2] + heavy))
    assert "100% of right answers" in text
    assert "must not be good: 0 of 1 were called good" in text
