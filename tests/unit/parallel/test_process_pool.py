"""The own pool: order, failures of every kind, no hang, nobody left behind."""

import os
import subprocess
import sys
import time

import pytest

from flowmc.core.errors import TargetError
from flowmc.parallel.ordered_map import ordered_map
from flowmc.parallel.process_worker import WORKER_ENVIRONMENT
from flowmc.parallel.worker import Failure, GuardedFunction
from tests.architecture.source import ROOT
from tests.unit.parallel import functions

ITEMS = list(range(8))


def run(function, items=ITEMS, **options):
    mapped = ordered_map(function, pool=2, **options)
    try:
        return mapped(items)
    finally:
        mapped.close()


def test_closing_is_no_end():
    mapped = ordered_map(functions.slow_first, pool=2)
    assert mapped(ITEMS) == [-item for item in ITEMS]
    mapped.close()
    assert mapped([3]) == [-3]
    mapped.close()


def test_workers_have_no_gpu_and_one_thread():
    (found,) = run(functions.environment, [0])
    assert {name: found[name] for name in WORKER_ENVIRONMENT} == WORKER_ENVIRONMENT


def test_limits_are_set_before_numpy_is_loaded(tmp_path):
    """NumPy's libraries read them once; the script's own import comes first."""
    script = """
import numpy as np, os, sys
def threads(item):
    import ctypes, glob
    return os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task"))
if __name__ == "__main__":
    from flowmc.parallel.ordered_map import ordered_map
    np.ones((300, 300)) @ np.ones((300, 300))
    print(ordered_map(threads, pool=2)([0]))
"""
    done = in_a_script(script, folder=tmp_path)
    # The worker's main thread, and the one that watches the parent.
    assert done.stdout == "[('1', 2)]\n", done.stderr


def in_a_script(text, **options):
    """Run a script from a file, as users do."""
    file = options.pop("folder", None)
    command = [sys.executable, "-c", text]
    if file is not None:
        file = file / "script.py"
        file.write_text(text)
        command = [sys.executable, str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=environment, **options
    )


@pytest.mark.parametrize(
    ("function", "kind"),
    [(functions.die_on_three, "WorkerDied"), (functions.exit_on_three, "SystemExit")],
)
def test_a_failing_point_costs_itself_only(function, kind):
    results = run(function)
    assert isinstance(results[3], Failure)
    assert results[3].kind == kind
    assert results[:3] + results[4:] == [0, 1, 2, 4, 5, 6, 7]


def test_a_death_tells_how():
    (result,) = run(functions.die_on_three, [3])
    assert result.message == (
        "at this point, tried twice, its worker process ended: exit status 1"
    )
    (result,) = run(functions.kill_itself_on_three, [3])
    assert result.message.endswith("killed by signal 9")


@pytest.mark.timeout(50)  # the child lives for 60 s
def test_a_death_is_seen_though_a_child_holds_the_pipe():
    results = run(functions.die_and_leave_a_child_on_three)
    assert results[3].kind == "WorkerDied"
    assert results[:3] + results[4:] == [0, 1, 2, 4, 5, 6, 7]


def test_the_others_do_not_notice_a_death():
    """Their workers live on: only the culprit's is started again."""
    mapped = ordered_map(functions.own_pid, pool=2)
    before = set(mapped(range(40)))
    mapped.close()
    mapped = ordered_map(functions.pid_or_death_on_three, pool=2)
    pids = [result for result in mapped(range(40)) if not isinstance(result, Failure)]
    mapped.close()
    assert len(pids) == 39
    assert len(before) == 2
    assert len(set(pids)) <= 4  # two, and one for each of the culprit's attempts


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


def test_a_result_that_cannot_travel_is_told():
    first, second = run(functions.lambda_on_three, [3, 4])
    assert first.kind in ("PicklingError", "AttributeError")
    assert "a result of type function cannot be sent" in first.message
    assert second == 4


def test_cheap_calls_travel_together():
    mapped = ordered_map(functions.square, pool=2)
    for _ in range(2):  # the first batch waits for workers to start
        mapped(range(200))
    groups = mapped._messages(200)
    assert 8 <= len(groups) < 100
    assert sorted(sum(groups, [])) == list(range(200))
    assert max(map(len, groups)) - min(map(len, groups)) <= 1
    mapped.close()


def test_unpicklable_functions_are_refused_at_once():
    with pytest.raises(TargetError, match="can be pickled.*top level of a module"):
        ordered_map(lambda item: item, pool=2)


def test_guarded_function_lets_interrupts_pass():
    def interrupted(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GuardedFunction(interrupted)(0)


def test_an_unguarded_script_is_told_so(tmp_path):
    script = """
from flowmc.parallel.ordered_map import ordered_map
def square(item):
    return item**2
mapped = ordered_map(square, pool=2)
"""
    done = in_a_script(script, folder=tmp_path)
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_functions_of_a_script_are_loaded_and_those_of_a_notebook_refused(tmp_path):
    script = """
from flowmc.parallel.ordered_map import ordered_map
def square(item):
    return item**2
if __name__ == "__main__":
    print(ordered_map(square, pool=2)([1, 2, 3]))
"""
    done = in_a_script(script, folder=tmp_path)
    assert done.stdout == "[1, 4, 9]\n", done.stderr
    # `python -c`, as a notebook, has a `__main__` without a file.
    done = in_a_script(script)
    assert done.returncode == 1
    assert "Define it in a module, not in a notebook" in done.stderr


def test_a_script_with_tensorflow_does_not_burden_the_workers(tmp_path):
    """The script is imported by workers only if the function lives there."""
    script = """
import sys
print("imported", file=sys.stderr)
from flowmc.parallel.ordered_map import ordered_map
from tests.unit.parallel import functions
if __name__ == "__main__":
    print(ordered_map(functions.square, pool=2)([1, 2, 3]))
"""
    done = in_a_script(script, folder=tmp_path)
    assert done.stdout == "[1.0, 4.0, 9.0]\n", done.stderr
    assert done.stderr.count("imported") == 1


def test_workers_end_with_a_parent_that_is_killed():
    script = """
import os, signal
from flowmc.parallel.ordered_map import ordered_map
from tests.unit.parallel import functions
mapped = ordered_map(functions.own_pid, pool=2)
print(*set(mapped(range(40))), flush=True)
mapped._channel.submit([(1, [600.0])])  # one of them is busy
os.kill(os.getpid(), signal.SIGKILL)
"""
    pids = [int(pid) for pid in in_a_script(script).stdout.split()]
    assert pids
    until = time.monotonic() + 20.0
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.1)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
