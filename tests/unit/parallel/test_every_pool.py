"""One behaviour for every kind of pool: order, exceptions, deaths, no TensorFlow."""

import importlib
import sys
import time

import pytest

from flowmc.core.errors import TargetError
from flowmc.parallel.ordered_map import ordered_map
from flowmc.parallel.worker import Failure
from tests.unit.parallel import functions
from tests.unit.parallel.every_pool import EVERY, PROCESSES, open_pool

ITEMS = list(range(13))
pytestmark = pytest.mark.filterwarnings("ignore:The pool broke:RuntimeWarning")


@pytest.fixture(scope="module", params=EVERY, ids=str)
def pool(request):
    with open_pool(request.param) as opened:
        yield opened


@pytest.fixture(scope="module", params=PROCESSES)
def processes(request):
    with open_pool(request.param) as opened:
        yield opened


def test_results_come_in_order_batch_after_batch(pool):
    mapped = ordered_map(functions.slow_first, pool=pool)
    assert mapped(ITEMS) == [-item for item in ITEMS]
    assert mapped([]) == []
    assert mapped(range(100)) == [-item for item in range(100)]
    assert mapped([7]) == [-7]
    assert mapped.size >= 1
    mapped.close()


def test_two_functions_do_not_meet(processes):
    first = ordered_map(functions.square, pool=processes)
    second = ordered_map(functions.slow_first, pool=processes)
    for _ in range(3):
        assert first(ITEMS) == [item**2 for item in ITEMS]
        assert second(ITEMS) == [-item for item in ITEMS]
    first.close()
    second.close()


def test_workers_do_not_import_tensorflow(processes):
    mapped = ordered_map(functions.has_tensorflow, pool=processes)
    assert mapped(ITEMS) == [False] * len(ITEMS)
    mapped.close()


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (functions.fail_on_three, "ValueError"),
        (functions.exit_on_three, "SystemExit"),
        (functions.raise_unpicklable_on_three, "UnpicklableError"),
        (functions.kill_itself_on_three, "WorkerDied"),
    ],
)
def test_a_failing_point_costs_itself_only(processes, function, kind):
    mapped = ordered_map(function, pool=processes)
    started = time.monotonic()
    mapped([0, 1])  # now the function is with the workers
    results = mapped(ITEMS)
    assert time.monotonic() - started < 30.0
    assert isinstance(results[3], Failure), results[3]
    assert results[3].kind == kind
    assert results[:3] + results[4:] == ITEMS[:3] + ITEMS[4:]
    assert mapped(ITEMS[4:]) == ITEMS[4:]
    mapped.close()


def test_functions_that_workers_cannot_load_are_refused(processes, homeless):
    with pytest.raises(TargetError, match="load it: ModuleNotFoundError"):
        ordered_map(homeless, pool=processes)([0, 1])


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """A function of a module that is gone by the time workers look for it."""
    file = tmp_path / "homeless_module.py"
    file.write_text("def value(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("homeless_module")
    file.unlink()
    yield module.value
    sys.modules.pop("homeless_module")
