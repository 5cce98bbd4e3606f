"""What a device can do, measured on it, and what a flow's pass needs at the least.

The peak is that of one large matrix product in the networks' type; the bandwidth that
of reading one large array and writing another. The work of a pass counts the networks'
matrix products and the reading and writing of their inputs and outputs, and nothing
else: no activation function, no random number, no log-density. It is a lower bound, so
the share of the limit is one too.
"""

__all__ = ["Limits", "Work", "measure_limits", "work_of_pass"]

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

REPEATS = 7
COPIED_BYTES = {"CPU": 2**27, "GPU": 2**29}
MATRIX_SIZE = {"CPU": 1536, "GPU": 8192}


class Limits(NamedTuple):
    """Of a device: floating-point operations and bytes of memory a second."""

    operations: float
    bytes: float


class Work(NamedTuple):
    """Needed: floating-point operations, and bytes read and written."""

    operations: float
    bytes: float


def measure_limits(dtype: str) -> Limits:
    """Measure the current device, with networks of type `dtype`."""
    kind = "GPU" if "GPU" in tf.zeros([]).device else "CPU"
    size, kind_bytes = MATRIX_SIZE[kind], COPIED_BYTES[kind]
    matrix = tf.ones([size, size], dtype)
    multiply = _compiled(lambda a: a @ a)
    array = tf.ones([kind_bytes // 8], tf.float64)
    copy = _compiled(lambda a: a + 1.0)
    operations = 2.0 * size**3 / _fastest(lambda: multiply(matrix))
    return Limits(operations, 2.0 * kind_bytes / _fastest(lambda: copy(array)))


def work_of_pass(flow: Any, *, num_points: float) -> Work:
    """Return the least work of one pass of so many points through the networks."""
    operations = num_bytes = 0.0
    for weights in flow.trainable_variables:
        if weights.shape.rank != 2:
            continue
        rows, columns = weights.shape
        operations += 2.0 * rows * columns * num_points
        num_bytes += weights.dtype.size * (rows + columns) * num_points
    return Work(operations, num_bytes)


def _fastest(run: Callable[[], tf.Tensor]) -> float:
    """Return the seconds of the fastest call; only a corner comes to the host."""
    times = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        tf.reshape(run(), [-1])[:1].numpy()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _compiled(function: Callable[[tf.Tensor], tf.Tensor]) -> Callable:
    return tf.function(function, jit_compile=True, autograph=False)
