"""Steps of one kernel in blocks: one program, or a loop around a host target."""

__all__ = ["ChainBlock", "make_runner"]

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in_step
from flowmc.kernels.tally import add, empty
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.program import Program
from flowmc.sampling.space import Space
from flowmc.sampling.stepper import GraphStepper

BUFFER_BYTES = 4e6  # written anew by each call, also by warm-up's calls of one step
MAX_STEPS = 1024


class ChainBlock(NamedTuple):
    """Consecutive steps."""

    position: Any  # [n, num_chains, D], x
    log_prob: Any  # [n, num_chains]
    acceptance: Any  # [n, num_chains]
    part: Any  # [n], which kernel of a composite stepped last
    part_acceptance: Any  # [n, k], mean acceptance probability, NaN where none stepped
    slope: Any  # [n], of HMC's criterion in the trajectory's length


class GraphRunner:
    """Up to `capacity` steps in one XLA program.

    Args:
        kernel: The transition.
        space: A graph target in `x`.
        num_chains: Chains moved at once.
    """

    def __init__(self, kernel: Any, space: Space, *, num_chains: int) -> None:
        self._kernel, self._space = kernel, space
        self._stepper = GraphStepper(lambda x: (space.graph_log_prob(x), ()))
        self._shape = (num_chains, space.event_size)
        row = 8 * num_chains * (space.event_size + 2)
        self.capacity = int(np.clip(BUFFER_BYTES // row, 1, MAX_STEPS))
        self._program = Program(self._loop, space)
        self._init = Program(self._start, space)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._program.compile_seconds + self._init.compile_seconds

    def init(self, position: np.ndarray, log_prob: np.ndarray) -> Any:
        """Build the kernel's state."""
        arguments = tf.constant(position), tf.constant(log_prob)
        self._init.prepare(*arguments)
        return self._init(*arguments)

    def run(self, state: Any, *, first: int, count: int, seed: Any) -> tuple:
        """Take steps number `first` to `first + count - 1`."""
        seed = tf.constant(seed)
        self._program.prepare(state, tf.constant(0), tf.constant(0), seed)
        state, block, tally = self._program(
            state, tf.constant(first), tf.constant(count), seed
        )
        return state, ChainBlock(*(array.numpy()[:count] for array in block)), tally

    def _start(self, position: tf.Tensor, log_prob: tf.Tensor) -> Any:
        return self._stepper.init(self._kernel, position, log_prob)

    def _loop(self, state, first, count, seed) -> tuple:
        chains, size = self._shape
        shapes: Any = (
            [chains, size],
            [chains],
            [chains],
            [],
            [_num_parts(self._kernel)],
            [],
        )
        dtypes = (tf.float64, tf.float64, tf.float64, tf.int32, tf.float64, tf.float64)
        buffers = tuple(
            tf.TensorArray(dtype, self.capacity, element_shape=shape)
            for dtype, shape in zip(dtypes, shapes, strict=True)
        )

        def body(index, state, buffers, tally):
            step_seed = fold_in_step(seed, first + index)
            state, info = self._stepper(self._kernel, state, seed=step_seed)
            row = _row(self._kernel, state, info)
            written = (b.write(index, v) for b, v in zip(buffers, row, strict=True))
            return index + 1, state, tuple(written), add(tally, info.tally)

        _, state, buffers, tally = tf.while_loop(
            lambda index, *_: index < count,
            body,
            (tf.constant(0), state, buffers, empty(size)),
        )
        return state, tuple(buffer.stack() for buffer in buffers), tally


class HostRunner:
    """The same with the target called from Python.

    Args:
        kernel: The transition.
        space: A host target in `x`.
    """

    capacity = 64

    def __init__(self, kernel: Any, space: Space) -> None:
        self._kernel = kernel
        self._stepper = HostStepper(
            lambda x: (space.log_prob(x), ()),
            space.host_gradient,
            record=partial(_row, kernel),
        )

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling the kernel's parts so far."""
        return self._stepper.compile_seconds

    def init(self, position: np.ndarray, log_prob: np.ndarray) -> Any:
        """Build the kernel's state."""
        return self._stepper.init(
            self._kernel, tf.constant(position), tf.constant(log_prob)
        )

    def run(self, state: Any, *, first: int, count: int, seed: Any) -> tuple:
        """Take steps number `first` to `first + count - 1`."""
        state, steps = self._stepper.repeat(
            self._kernel, state, num_steps=count, seed=seed, first=first
        )
        return state, ChainBlock(*steps.columns), steps.tally


def make_runner(kernel: Any, space: Space, *, num_chains: int) -> Any:
    """Return the runner that fits the target."""
    if space.is_graph:
        return GraphRunner(kernel, space, num_chains=num_chains)
    return HostRunner(kernel, space)


def _row(kernel: Any, state: Any, info: Any) -> tuple:
    """Lay out one step as a row of a `ChainBlock`."""
    accepted = tf.cast(info.is_accepted, tf.float64)
    part = tf.zeros([], tf.int32)
    if hasattr(info, "part_is_accepted"):  # a cycle: each part stepped
        accepted = tf.reduce_mean(tf.cast(info.part_is_accepted, tf.float64), axis=0)
        by_part = tf.reduce_mean(_probability(info.part_log_accept_ratio), axis=1)
        part = info.kernel[-1]
    else:
        by_part = tf.reduce_mean(_probability(info.log_accept_ratio))[None]
        if _num_parts(kernel) > 1:  # a mixture: one part stepped
            part = info.kernel
            is_part = tf.range(_num_parts(kernel)) == part
            by_part = tf.where(is_part, by_part, tf.constant(np.nan, tf.float64))
    slope = getattr(info, "length_slope", tf.zeros([], tf.float64))
    return state.position, state.log_prob, accepted, part, by_part, slope


def _probability(log_accept_ratio: tf.Tensor) -> tf.Tensor:
    ratio = tf.minimum(log_accept_ratio, 0.0)
    return tf.where(ratio <= 0.0, tf.exp(ratio), 0.0)  # NaN is a rejection


def _num_parts(kernel: Any) -> int:
    return len(getattr(kernel, "kernels", [kernel]))
