"""One processor must not let a Python density and TensorFlow wait for each other."""

import logging
import os
import subprocess
import sys
import types

import pytest

from flowmc.core import threads
from flowmc.core.threads import VARIABLE, ensure_second_thread

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes cannot be tied here"
)
NESTED = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import flowmc
import tensorflow as tf
inner = tf.function(lambda x: 2.0 * x)
called = lambda array: inner(array).numpy()
outer = tf.function(lambda x: tf.numpy_function(called, [x], tf.float32))
print(float(outer(tf.constant(1.0))))
"""


def of_one_processor(monkeypatch):
    monkeypatch.setattr(threads, "_num_processors", lambda: 1)
    # Set first, so that it is put back to what it was whatever happens in the test.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)


@needs_affinity
def test_a_density_that_calls_tensorflow_returns_on_one_processor():
    """Without the second thread this waits for ever."""
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", NESTED],
        env=environment,
        timeout=300,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) == 2.0


def test_the_variable_is_set_on_one_processor_only(monkeypatch):
    of_one_processor(monkeypatch)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    ensure_second_thread()
    assert os.environ[VARIABLE] == "2"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(threads, "_num_processors", lambda: 2)
    ensure_second_thread()
    assert VARIABLE not in os.environ


def test_what_the_user_set_stays(monkeypatch):
    of_one_processor(monkeypatch)
    monkeypatch.setenv(VARIABLE, "1")
    ensure_second_thread()
    assert os.environ[VARIABLE] == "1"


def test_a_tensorflow_that_runs_already_is_told_of(monkeypatch, caplog):
    of_one_processor(monkeypatch)

    def refuse(count):
        raise RuntimeError("cannot be modified after initialization")

    threading = types.SimpleNamespace(set_inter_op_parallelism_threads=refuse)
    config = types.SimpleNamespace(threading=threading)
    running = types.SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "tensorflow", running)
    with caplog.at_level(logging.WARNING):
        ensure_second_thread()
    assert "Import flowmc first" in caplog.text
