"""Take kernel steps where the target lives: inside compiled code, or in Python.

Both steppers run the same kernels.  The graph stepper evaluates inline and keeps a
record of the first bad value, because compiled code cannot raise; the host stepper
compiles the kernel's own parts and calls Python in between.
"""

__all__ = ["Faults", "GraphStepper", "HostStepper", "no_faults"]

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in_step, split
from flowmc.core.types import Evaluation, Kernel, Request, Seed
from flowmc.kernels.drive import drive

HUGE = 1e300  # what some libraries write for infinity

GraphLogProb = Callable[[tf.Tensor], tuple[tf.Tensor, Any]]  # x -> log_prob, payload
HostLogProb = Callable[[np.ndarray], tuple[np.ndarray, Any]]


class Faults(NamedTuple):
    """Bad values seen by compiled code."""

    num_nan: tf.Tensor  # []
    num_infinite: tf.Tensor  # [], +inf
    x: tf.Tensor  # [D], the first bad point
    value: tf.Tensor  # []


def no_faults(event_size: int) -> Faults:
    """Return the empty record."""
    zero = tf.constant(0, tf.int32)
    blank = tf.zeros([event_size], tf.float64)
    return Faults(zero, zero, blank, tf.constant(0.0, tf.float64))


class Steps(NamedTuple):
    """What successive steps of one kernel left behind."""

    position: Any  # [num_steps, num_chains, D]
    log_prob: Any  # [num_steps, num_chains]
    is_accepted: Any  # [num_steps, num_chains]


class GraphStepper:
    """Evaluates inline; NaN counts as zero density, and is remembered.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`.
    """

    def __init__(self, log_prob_fn: GraphLogProb) -> None:
        self._log_prob_fn = log_prob_fn
        self._faults: Any = None  # Faults, while a loop body is traced

    def __call__(self, kernel: Kernel, state: Any, *, seed: Seed) -> tuple:
        """Take one step of `kernel`."""
        return drive(kernel, state, evaluate=self._evaluate, seed=seed)

    def init(self, kernel: Kernel, position: Any, log_prob: Any, payload: Any = ()):
        """Build the kernel's state."""
        return kernel.init(position, log_prob, payload=payload)

    def repeat(
        self, kernel: Kernel, state: Any, *, num_steps: int, seed: Seed
    ) -> tuple:
        """Take several steps in a compiled loop; return the state and the `Steps`."""
        outer, blank = self.take(), state.position
        kinds = Steps(blank, state.log_prob, tf.zeros(blank.shape[:1], tf.bool))
        buffers = tf.nest.map_structure(
            lambda t: tf.TensorArray(t.dtype, num_steps, element_shape=t.shape), kinds
        )

        def body(index, state, buffers, faults):
            self.start(faults)
            state, info = self(kernel, state, seed=fold_in_step(seed, index))
            row = (state.position, state.log_prob, info.is_accepted)
            written = [b.write(index, r) for b, r in zip(buffers, row, strict=True)]
            return index + 1, state, Steps(*written), self.take()

        _, state, buffers, faults = tf.while_loop(
            lambda index, *_: index < num_steps,
            body,
            (tf.constant(0), state, buffers, outer),
        )
        self.start(faults)
        return state, Steps(*(buffer.stack() for buffer in buffers))

    def start(self, faults: Faults) -> None:
        """Begin a traced loop body with the record carried into it."""
        self._faults = faults

    def take(self) -> Faults:
        """Return the record at the end of the body."""
        faults, self._faults = self._faults, None
        return faults

    def _evaluate(self, request: Request) -> Evaluation:
        log_prob, payload = self._log_prob_fn(request.points)
        is_nan = tf.math.is_nan(log_prob)
        is_infinite = log_prob >= HUGE
        is_bad = is_nan | is_infinite
        self._faults = _remember(self._faults, request.points, log_prob, is_nan, is_bad)
        clean = tf.where(is_bad, tf.constant(-np.inf, tf.float64), log_prob)
        return Evaluation(clean, None, payload)


class HostStepper:
    """Compiles `propose` and `complete`; evaluates in Python.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`, NumPy both ways; raises the
            target's typed errors.
    """

    def __init__(self, log_prob_fn: HostLogProb) -> None:
        self._log_prob_fn = log_prob_fn
        self._programs: dict[int, _Programs] = {}
        self.compile_seconds = 0.0

    def init(self, kernel: Kernel, position: Any, log_prob: Any, payload: Any = ()):
        """Build the kernel's state."""
        init = self._programs_of(kernel).init
        return self._timed(init, position, log_prob, payload)

    def __call__(self, kernel: Kernel, state: Any, *, seed: Seed) -> tuple:
        """Take one step of `kernel`."""
        propose, complete = self._programs_of(kernel)[:2]
        propose_seed, seed = split(seed, n=2)
        outcome = self._timed(propose, state, propose_seed)
        while isinstance(outcome, _Pending):
            complete_seed, seed = split(seed, n=2)
            log_prob, payload = self._log_prob_fn(outcome.points.numpy())
            answer = Evaluation(tf.constant(log_prob, tf.float64), None, payload)
            outcome = self._timed(complete, outcome.carry, answer, complete_seed)
        return outcome

    def repeat(
        self, kernel: Kernel, state: Any, *, num_steps: int, seed: Seed
    ) -> tuple:
        """Take several steps one after the other; return the state and the `Steps`."""
        rows = []
        for index in range(num_steps):
            state, info = self(kernel, state, seed=fold_in_step(seed, index))
            rows.append((state.position, state.log_prob, info.is_accepted))
        return state, Steps(*(tf.stack(column) for column in zip(*rows, strict=True)))

    def _timed(self, program: Any, *arguments: Any) -> Any:
        """Call a program; the time of a call that traced it was spent on compiling."""
        traces = program.experimental_get_tracing_count()
        started = time.perf_counter()
        outcome = program(*arguments)
        if program.experimental_get_tracing_count() > traces:
            self.compile_seconds += time.perf_counter() - started
        return outcome

    def _programs_of(self, kernel: Kernel) -> "_Programs":
        if id(kernel) not in self._programs:
            self._programs[id(kernel)] = _compile_parts(kernel)
        return self._programs[id(kernel)]


class _Pending(NamedTuple):
    """A request without its static part; compiled code returns tensors only."""

    points: tf.Tensor
    carry: Any


class _Programs(NamedTuple):
    """A kernel's compiled parts; the kernel is kept so that its id stays its own."""

    propose: Any
    complete: Any
    init: Any
    kernel: Kernel


def _compile_parts(kernel: Kernel) -> _Programs:
    """Compile the kernel's three parts."""

    def propose(state, seed):
        return _Pending(*kernel.propose(state, seed=seed)[::2])

    def complete(carry, answer, seed):
        outcome = kernel.complete(carry, answer, seed=seed)
        return _Pending(*outcome[::2]) if isinstance(outcome, Request) else outcome

    def init(position, log_prob, payload):
        return kernel.init(position, log_prob, payload=payload)

    return _Programs(
        propose=tf.function(propose, jit_compile=True, autograph=False),
        complete=tf.function(complete, jit_compile=True, autograph=False),
        init=tf.function(init, jit_compile=True, autograph=False),
        kernel=kernel,
    )


def _remember(faults, points, log_prob, is_nan, is_bad) -> Faults:
    first = tf.argmax(tf.cast(is_bad, tf.int32), output_type=tf.int32)
    seen = faults.num_nan + faults.num_infinite > 0
    is_new = tf.reduce_any(is_bad) & ~seen
    num_nan = tf.reduce_sum(tf.cast(is_nan, tf.int32))
    num_bad = tf.reduce_sum(tf.cast(is_bad, tf.int32))
    return Faults(
        faults.num_nan + num_nan,
        faults.num_infinite + num_bad - num_nan,
        # Gathered, not sliced: XLA wants a slice's start as a constant, would trace it
        # back to every input, and compile anew for each new value of any of them.
        tf.where(is_new, tf.gather(points, first), faults.x),
        tf.where(is_new, tf.gather(log_prob, first), faults.value),
    )
