"""The own pool: order, failures of every kind, and no hang."""

import time

import pytest

from flowmc.core.errors import TargetError
from flowmc.parallel.process_pool import ProcessPool
from flowmc.parallel.worker import Failure, GuardedFunction
from tests.unit.parallel import functions

ITEMS = list(range(8))


def run(function, items=ITEMS, **options):
    pool = ProcessPool(function, num_workers=2, **options)
    try:
        return pool(items)
    finally:
        pool.close()


def test_results_come_in_order():
    pool = ProcessPool(functions.slow_first, num_workers=2)
    assert pool(ITEMS) == [-item for item in ITEMS]
    assert pool([]) == []
    pool.close()
    # Closing is no end: the next call starts new workers.
    assert pool([3]) == [-3]
    pool.close()


def test_workers_do_not_import_tensorflow():
    assert run(functions.has_tensorflow, [0, 1]) == [False, False]


def test_workers_have_no_gpu_and_one_thread():
    assert run(functions.environment, [0]) == [("-1", "1")]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (functions.fail_on_three, "ValueError"),
        (functions.exit_on_three, "SystemExit"),
        (functions.die_on_three, "WorkerDied"),
    ],
)
def test_a_failing_point_costs_itself_only(function, kind):
    results = run(function)
    assert isinstance(results[3], Failure)
    assert results[3].kind == kind
    assert [r for i, r in enumerate(results) if i != 3] == [0, 1, 2, 4, 5, 6, 7]


def test_a_hanging_point_is_killed():
    start = time.monotonic()
    results = run(functions.hang_on_three, [1, 3, 5, 7], timeout=1.0)
    assert time.monotonic() - start < 30.0
    assert results[1].kind == "TimeoutError"
    assert [results[0], *results[2:]] == [1, 5, 7]


def test_an_exception_that_cannot_travel_comes_as_text():
    (result,) = run(functions.raise_unpicklable, [0])
    assert result.kind == "UnpicklableError"
    assert "cannot travel" in result.details


def test_unpicklable_functions_are_refused_at_once():
    with pytest.raises(TargetError, match="can be pickled.*top level of a module"):
        ProcessPool(lambda item: item, num_workers=2)


def test_guarded_function_lets_interrupts_pass():
    def interrupted(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GuardedFunction(interrupted)(0)
