"""Module-level functions that new processes can import; no TensorFlow here."""

import os
import signal
import subprocess
import sys
import time

import numpy as np


def square(item):
    return float(item) ** 2


def slow_first(item):
    """Take longest for the first items, so that order is not an accident."""
    time.sleep(0.05 if item < 2 else 0.0)
    return -item


def fail_on_three(item):
    if item == 3:
        raise ValueError("three is not allowed")
    return item


def exit_on_three(item):
    if item == 3:
        sys.exit(5)
    return item


def die_on_three(item):
    if item == 3:
        os._exit(1)
    return item


def die_and_leave_a_child_on_three(item):
    """The child inherits the worker's end of its pipe and holds it open."""
    if item == 3:
        subprocess.Popen(["sleep", "60"], close_fds=False)
        os._exit(1)
    return item


def hang_on_three(item):
    if item == 3:
        time.sleep(60.0)
    return item


class UnpicklableError(Exception):
    def __init__(self):
        super().__init__("cannot travel")
        self.handle = open(os.devnull)  # noqa: SIM115


def raise_unpicklable(item):
    raise UnpicklableError


def raise_unpicklable_on_three(item):
    if item == 3:
        raise UnpicklableError
    return item


def kill_itself_on_three(item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def has_tensorflow(item):
    return "tensorflow" in sys.modules


def environment(item):
    return dict(os.environ)


def own_pid(item):
    time.sleep(item if item >= 100.0 else 0.0)
    return os.getpid()


def pid_or_death_on_three(item):
    return os.getpid() if item != 3 else os.kill(os.getpid(), signal.SIGKILL)


def lambda_on_three(item):
    return (lambda: item) if item == 3 else item


def log_prob(theta):
    return -0.5 * np.sum(theta**2, axis=-1)


def log_prob_dies_at_corner(theta):
    if np.any(theta > 50.0):
        os._exit(1)
    return -0.5 * np.sum(theta**2, axis=-1)


def log_prob_fails_at_corner(theta):
    if np.any(theta > 50.0):
        raise RuntimeError("corner")
    return -0.5 * np.sum(theta**2, axis=-1)


MATRIX = np.linalg.inv(np.array([[2.0, 0.9, 0.3], [0.9, 1.0, 0.1], [0.3, 0.1, 0.5]]))


def log_prob_with_matrix(theta):
    """A correlated normal; the product's last digits depend on how many points."""
    theta = np.atleast_2d(theta)
    return -0.5 * np.sum((theta @ MATRIX) * theta, axis=-1)


def log_prob_scalar(theta):
    return float(-0.5 * np.sum(np.square(theta)))


def log_prob_fails_at_once(theta):
    raise RuntimeError("corner")


def log_prob_kills_itself_beyond_one(theta):
    if theta[0] > 1.0:
        os.kill(os.getpid(), signal.SIGKILL)
    return log_prob_scalar(theta)


def log_prob_hangs_at_corner(theta):
    if np.any(theta > 50.0):
        time.sleep(600.0)
    return -0.5 * np.sum(theta**2, axis=-1)


def log_prob_exits_at_corner(theta):
    if np.any(theta > 50.0):
        sys.exit(3)
    return -0.5 * np.sum(theta**2, axis=-1)


def slow_log_prob(theta):
    time.sleep(2.0)
    return -0.5 * np.sum(theta**2, axis=-1)


def printing_log_prob(theta):
    for _ in range(2000):
        sys.stdout.write("x" * 100)
        sys.stderr.write("x" * 100)
    return -0.5 * np.sum(theta**2, axis=-1)


def short_log_prob(theta):
    """Right for the three points of the set-up's probe, one value short for more."""
    return -0.5 * np.sum(theta**2, axis=-1)[: max(3, len(theta) - 1)]
