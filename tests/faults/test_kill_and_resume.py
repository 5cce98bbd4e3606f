"""A run killed with SIGKILL and resumed makes the draws of the run that was not.

Each process saves after every unit of work; it is killed as soon as a number of saves
has been seen, wherever it then is, and started again until it ends by itself.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from flowmc.results.files import MissingFileError
from flowmc.results.storage import load_posterior

SCRIPT = """
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import flowmc
from flowmc.sampling import saver
from flowmc.sampling.settings import AnnealSettings, Schedule, TrainSettings
saver.INTERVAL_SECONDS = 0.0  # save after every unit of work
backend, checkpoint, result = sys.argv[1:]
target = flowmc.targets.skewed_gaussian().target(backend, bounds=[(-10, 20)] * 2)
schedule = Schedule(
    windows=(3, 3), extra_windows=0, num_local=1, num_jumps=3, adapt_every=1,
    anneal=AnnealSettings(train_steps=50),
    train=TrainSettings(max_steps=100, capacity=1024),
)
posterior = flowmc.sample(
    target, num_draws=200, num_chains=16, schedule=schedule, seed=11,
    model=flowmc.models.make("maf", event_size=2, num_layers=2, hidden_units=[8]),
    checkpoint=checkpoint or None, resume=bool(checkpoint),
)
posterior.save(result)
"""


def start(backend: str, checkpoint: Path | str, result: Path) -> subprocess.Popen:
    """Start one process of the run."""
    command = [sys.executable, "-c", SCRIPT, backend, str(checkpoint), str(result)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def kill_after_saves(process: subprocess.Popen, file: Path, saves: int) -> bool:
    """Kill the process once `file` was replaced `saves` times; False if it ended."""
    seen, last = 0, _identity(file)
    while process.poll() is None:
        now = _identity(file)
        if now != last:
            seen, last = seen + 1, now
        if seen >= saves:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.0005)
    return False


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


@pytest.mark.full
@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
def test_killed_and_resumed_equals_uninterrupted(backend, tmp_path):
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    assert start(backend, "", whole).wait() == 0
    checkpoint = tmp_path / "checkpoint.h5"
    num_killed = 0
    for saves in (2, 5, 7, 8, 6):
        process = start(backend, checkpoint, parts)
        num_killed += kill_after_saves(process, checkpoint, saves)
    assert num_killed >= 3
    last = start(backend, checkpoint, parts)
    _, errors = last.communicate()
    assert last.returncode == 0, errors
    expected, found = load_posterior(whole), load_posterior(parts)
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.log_prob, expected.log_prob)
    np.testing.assert_array_equal(found.weighted.theta, expected.weighted.theta)
    np.testing.assert_array_equal(found.warmup.theta, expected.warmup.theta)
    assert found.log_evidence == expected.log_evidence
    assert found.evidence == expected.evidence
    for name in ("log_prob_calls", "gradient_calls"):
        assert getattr(found.cost, name) == getattr(expected.cost, name)
    for name, column in expected.stats.items():
        np.testing.assert_array_equal(found.stats[name], column)
    assert found.diagnostics.mode_report == expected.diagnostics.mode_report


def test_missing_result_is_a_typed_error(tmp_path):
    with pytest.raises(MissingFileError):
        load_posterior(tmp_path / "absent.h5")
