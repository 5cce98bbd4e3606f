"""Take kernel steps with the target called from Python in between.

The kernel's own parts are compiled; exceptions, Ctrl-C and pools behave as Python users
expect.  A kernel of whole steps calls back from inside its graph instead: whatever the
target raises there comes out unchanged once the step has ended.
"""

__all__ = ["HostStepper"]

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in_step, split
from flowmc.core.types import (
    CompositeKernel,
    Evaluation,
    Kernel,
    Request,
    Seed,
    WholeStepKernel,
)
from flowmc.kernels.drive import refresh_payload
from flowmc.kernels.tally import add, empty, screen
from flowmc.sampling.callback import Callback
from flowmc.sampling.stepper import Steps

HostLogProb = Callable[[np.ndarray], tuple[np.ndarray, Any]]
HostGradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class HostStepper:
    """Compiles a kernel's parts; evaluates in Python.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`, NumPy both ways; raises the
            target's typed errors.
        value_and_gradient_fn: `x [n, D] -> (log_prob [n], gradient [n, D])`, for
            kernels that need it.

    Attributes:
        compile_seconds: Spent on compiling the kernels' parts so far.
    """

    def __init__(
        self,
        log_prob_fn: HostLogProb,
        value_and_gradient_fn: HostGradient | None = None,
    ) -> None:
        self._log_prob_fn = log_prob_fn
        self._callback = Callback(lambda x: log_prob_fn(x)[0], value_and_gradient_fn)
        self._programs: dict[int, _Programs] = {}
        self.compile_seconds = 0.0

    def init(self, kernel: Kernel, position: Any, log_prob: Any, payload: Any = ()):
        """Build the kernel's state."""
        programs = self._programs_of(kernel)
        with self._callback.errors():
            return self._timed(programs.init, position, log_prob, payload)

    def __call__(self, kernel: Kernel, state: Any, *, seed: Seed) -> tuple:
        """Take one step of `kernel`."""
        if isinstance(kernel, CompositeKernel):
            return kernel.compose(state, stepper=self, seed=seed)
        programs = self._programs_of(kernel)
        if isinstance(kernel, WholeStepKernel):
            with self._callback.errors():
                state, info = self._timed(programs.whole_step, state, seed)
            return refresh_payload(state, self._evaluate), info
        propose_seed, seed = split(seed, n=2)
        outcome = self._timed(programs.propose, state, propose_seed)
        tally = empty(outcome.points.shape[-1])
        while isinstance(outcome, _Pending):
            complete_seed, seed = split(seed, n=2)
            if outcome.is_wanted is not None and not outcome.is_wanted:
                outcome = self._timed(programs.finish, outcome.carry)
                continue
            answer = self._evaluate(outcome)
            outcome, tally = self._timed(
                programs.complete, outcome, answer, tally, complete_seed
            )
        state, info = outcome
        return state, info._replace(tally=tally)

    def choose(self, index: Any, branches: list) -> Any:
        """Call one of the branches."""
        return branches[int(index)]()

    def repeat(
        self, kernel: Kernel, state: Any, *, num_steps: int, seed: Seed
    ) -> tuple:
        """Take several steps one after the other; return the state and the `Steps`."""
        rows, tally = [], empty(state.position.shape[-1])
        for index in range(num_steps):
            state, info = self(kernel, state, seed=fold_in_step(seed, index))
            rows.append((state.position, state.log_prob, info.is_accepted))
            tally = add(tally, info.tally)
        columns = (tf.stack(column) for column in zip(*rows, strict=True))
        return state, Steps(*columns, tally)

    def _evaluate(self, request: Any) -> Evaluation:
        """Call the target in Python; a gradient only where one is asked for."""
        points = request.points.numpy()
        if request.needs_gradient in (None, False):
            log_prob, payload = self._log_prob_fn(points)
            return Evaluation(tf.constant(log_prob, tf.float64), None, payload)
        log_prob, gradient = self._callback.value_and_gradient(points)
        return Evaluation(tf.constant(log_prob), tf.constant(gradient))

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
            self._programs[id(kernel)] = _compile_parts(kernel, self._callback)
        return self._programs[id(kernel)]


class _Pending(NamedTuple):
    """A request as compiled code can return it: tensors only."""

    points: tf.Tensor
    carry: Any
    defect: Any
    is_wanted: Any
    needs_gradient: Any  # None for False, an empty tuple for True


class _Programs(NamedTuple):
    """A kernel's compiled parts; the kernel is kept so that its id stays its own."""

    kernel: Kernel
    init: Any
    propose: Any = None
    complete: Any = None
    finish: Any = None
    whole_step: Any = None


def _pending(request: Request) -> _Pending:
    flag = () if request.needs_gradient else None
    return _Pending(
        request.points, request.carry, request.defect, request.is_wanted, flag
    )


def _compile_parts(kernel: Any, callback: Callback) -> _Programs:
    """Compile the kernel's parts; those that call back cannot go through XLA."""
    if isinstance(kernel, WholeStepKernel):
        return _Programs(
            kernel,
            init=_function(
                lambda position, log_prob, payload: kernel.start(
                    position, log_prob, payload=payload, evaluate=callback.evaluate
                ),
                jit_compile=False,
            ),
            whole_step=_function(
                lambda state, seed: kernel.whole_step(
                    state, evaluate=callback.evaluate, seed=seed
                ),
                jit_compile=False,
            ),
        )

    def complete(pending, answer, tally, seed):
        needs_gradient = pending.needs_gradient is not None
        request = Request(pending.points, needs_gradient, (), pending.defect)
        answer, counts = screen(request, answer)
        outcome = kernel.complete(pending.carry, answer, seed=seed)
        if isinstance(outcome, Request):
            outcome = _pending(outcome)
        return outcome, add(tally, counts)

    return _Programs(
        kernel,
        init=_function(
            lambda position, log_prob, payload: kernel.init(
                position, log_prob, payload=payload
            )
        ),
        propose=_function(
            lambda state, seed: _pending(kernel.propose(state, seed=seed))
        ),
        complete=_function(complete),
        finish=_function(lambda carry: kernel.finish(carry)),
    )


def _function(function: Callable, *, jit_compile: bool = True) -> Any:
    return tf.function(function, jit_compile=jit_compile, autograph=False)
