"""What goes wrong in workers, seen by the user of a `Target` with a pool."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, LogProbError, TargetError
from flowmc.parallel import multiprocessing_pool
from flowmc.targets import Target
from tests.architecture.source import ROOT
from tests.unit.parallel import functions
from tests.unit.parallel.every_pool import PROCESSES, open_pool

NAMES = ["mass", "spin"]
CORNER = [60.0, 0.5]
SECONDS = 30.0  # in which the end of a worker must be noticed
pytestmark = pytest.mark.filterwarnings("ignore:The pool broke:RuntimeWarning")


@pytest.fixture(params=PROCESSES)
def pool(request):
    assert tf.constant(1.0).numpy() == 1.0  # TensorFlow has started in this process
    with open_pool(request.param) as opened:
        yield opened


def points():
    theta = np.random.default_rng(0).standard_normal((6, 2))
    theta[4] = CORNER
    return theta


def made(function, pool, **options):
    return Target(function, names=NAMES, pool=pool, backend="numpy", **options)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (functions.log_prob_fails_at_corner, "RuntimeError: corner"),
        (functions.log_prob_exits_at_corner, "SystemExit: 3"),
        (functions.log_prob_dies_at_corner, "WorkerDied: at this point, tried twice"),
    ],
)
def test_the_error_names_the_parameters(pool, function, reason):
    started = time.monotonic()
    target = made(function, pool)
    with pytest.raises(LogProbError, match=f"{reason}.* at mass=60.0, spin=") as caught:
        target.log_prob(points())
    np.testing.assert_array_equal(caught.value.theta, CORNER)
    values = made(function, pool, on_crash="reject").log_prob(points())
    np.testing.assert_array_equal(np.isneginf(values), np.arange(6) == 4)
    assert time.monotonic() - started < SECONDS


def test_a_hanging_call_is_ended(pool):
    options = {"timeout": 1.5, "on_crash": "reject"}
    target = made(functions.log_prob_hangs_at_corner, pool, **options)
    started = time.monotonic()
    values = target.log_prob(points())
    np.testing.assert_array_equal(np.isneginf(values), np.arange(6) == 4)
    assert target.num_crashed == 1
    assert np.isfinite(target.log_prob(points()[:3])).all()
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("name", ["two", "multiprocessing"])
def test_a_worker_killed_from_outside_is_replaced(name):
    """As the kernel does when memory is short: in the middle of a call."""
    with open_pool(name) as pool:
        target = made(functions.slow_log_prob, pool)
        threading.Timer(1.0, kill_one, [target, pool]).start()
        started = time.monotonic()
        values = target.log_prob(points())
        np.testing.assert_allclose(values, -0.5 * np.sum(points() ** 2, axis=1))
        assert time.monotonic() - started < SECONDS


def kill_one(target, pool):
    if pool == 2:
        channel = target._parts.density._function._map._channel
        pid = channel._workers[-1].process.pid
    else:
        pid = pool._pool[0].pid
    os.kill(pid, signal.SIGKILL)


def test_slow_is_not_dead(monkeypatch):
    """The watchdog of a foreign pool has patience with calls of any length."""
    monkeypatch.setattr(multiprocessing_pool, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(multiprocessing_pool, "STUCK_SECONDS", 0.3)
    with open_pool("multiprocessing") as pool:
        values = made(functions.slow_log_prob, pool).log_prob(points()[:2])
    assert np.isfinite(values).all()


def test_a_pool_whose_lock_died_is_given_up(monkeypatch):
    """A worker killed while it reads the queue locks all others out for ever."""
    monkeypatch.setattr(multiprocessing_pool, "STUCK_SECONDS", 3.0)
    with open_pool("multiprocessing") as pool:
        target = made(functions.log_prob, pool)
        # Idle workers: one holds the lock of the queue, the others wait for it.
        for worker in list(pool._pool):
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(1.0)
        with pytest.warns(RuntimeWarning, match="The pool broke"):
            values = target.log_prob(points())
        assert np.isfinite(values).all()


def test_lambdas_are_refused_before_sampling(pool, request):
    name = request.node.callspec.params["pool"]
    density = lambda theta: -np.sum(theta**2, axis=-1)  # noqa: E731
    if name in ("dask", "ray", "schwimmbad"):  # their picklers can do more
        assert np.isfinite(made(density, pool).log_prob(points())).all()
        return
    with pytest.raises(TargetError, match="<lambda>.*(no lambda, no closure)"):
        made(density, pool)


def test_results_of_the_wrong_length(pool):
    target = made(functions.short_log_prob, pool, chunk_size=5)
    with pytest.raises(TargetError, match=r"shape \[5\]; got shape \[4\]"):
        target.log_prob(points())


def test_printing_workers_do_not_block(capfd):
    values = made(functions.printing_log_prob, 2).log_prob(points())
    assert np.isfinite(values).all()
    assert len(capfd.readouterr().out) > 6 * 2000 * 100


def test_timeouts_need_workers_that_can_be_killed():
    with open_pool("threads") as pool, pytest.raises(ConfigurationError):
        made(functions.log_prob, pool, timeout=1.0)


INTERRUPTED = """
import os, signal, threading
from flowmc.parallel.ordered_map import ordered_map
from tests.unit.parallel import functions
mapped = ordered_map(functions.own_pid, pool=2)
pids = set(mapped(range(40)))
# Whoever runs the tests in the background has had interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    mapped([600.0, 600.0])
except KeyboardInterrupt:
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as file:
        print("interrupted,", file.read() or "no children")
print(len(mapped(range(4))))
"""


def test_an_interrupt_leaves_no_worker_behind():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "interrupted, no children\n4\n", done.stderr
