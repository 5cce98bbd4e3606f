"""Limits of a run, in counts and in seconds."""

import time

import pytest

from flowmc.sampling.budget import Budget


def test_without_limits_nothing_is_exhausted():
    assert Budget(10).exhausted(10**12, next_cost=10**12) is None


@pytest.mark.parametrize(("done", "is_over"), [(899, False), (900, False), (901, True)])
def test_evaluations(done, is_over):
    reason = Budget(10, max_evaluations=1000).exhausted(done, next_cost=100)
    assert (reason is not None) == is_over
    if reason is not None:
        assert "1000 evaluations" in reason
        assert "Raise `max_evaluations`" in reason


def test_seconds():
    budget = Budget(10, max_seconds=60.0)
    assert budget.exhausted(0, next_cost=1) is None
    budget.started = time.monotonic() - 61.0
    assert "60 s was used up" in budget.exhausted(0, next_cost=1)


def test_should_stop_is_asked_each_time():
    answers = iter([False, 0, True])
    budget = Budget(10, should_stop=lambda: next(answers))
    assert [budget.is_interrupted() for _ in range(3)] == [False, False, True]
    assert Budget(10).is_interrupted() is False
