"""Take kernel steps with the target called from Python in between.

The kernel's own parts are compiled; exceptions, Ctrl-C and pools behave as Python users
expect.  A kernel of whole steps calls back from inside its graph instead: whatever the
target raises there comes out unchanged once the step has ended.
"""

__all__ = ["HostStepper"]

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in_step, split
from flowmc.core.types import (
    CompositeKernel,
    Evaluation,
    Kernel,
    Seed,
    WholeStepKernel,
)
from flowmc.kernels.drive import refresh_payload
from flowmc.kernels.tally import Tally, empty, total
from flowmc.sampling.callback import Callback
from flowmc.sampling.host_programs import Pending, Programs, Turn, compile_parts
from flowmc.sampling.stepper import Steps, step_record

HostLogProb = Callable[[np.ndarray], tuple[np.ndarray, Any]]
HostGradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class HostStepper:
    """Compiles a kernel's parts; evaluates in Python.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`, NumPy both ways; raises the
            target's typed errors.
        value_and_gradient_fn: `x [n, D] -> (log_prob [n], gradient [n, D])`, for
            kernels that need it.
        record: What `repeat` keeps of a step: `(state, info) -> nest of tensors`.

    Attributes:
        compile_seconds: Spent on compiling the kernels' parts so far.
    """

    def __init__(
        self,
        log_prob_fn: HostLogProb,
        value_and_gradient_fn: HostGradient | None = None,
        *,
        record: Callable[[Any, Any], Any] = step_record,
    ) -> None:
        self._log_prob_fn = log_prob_fn
        self._callback = Callback(lambda x: log_prob_fn(x)[0], value_and_gradient_fn)
        self._record = record
        self._programs: dict[int, Programs] = {}
        self._traced: dict[tuple, Any] = {}
        self._empty: dict[int, Tally] = {}
        self.compile_seconds = 0.0

    def init(self, kernel: Kernel, position: Any, log_prob: Any, payload: Any = ()):
        """Build the kernel's state."""
        if isinstance(kernel, CompositeKernel):
            return kernel.init(position, log_prob, payload=payload)
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
            return refresh_payload(state, self._evaluate, info)
        propose_seed, _ = split(seed, n=2)
        pending = self._timed(programs.propose, state, propose_seed)
        return self._answer(programs, pending, seed)

    def choose(self, index: Any, branches: list) -> Any:
        """Call one of the branches."""
        return branches[int(index)]()

    def add(self, first: Tally, second: Tally) -> Tally:
        """Return the tally of both."""
        return total([first, second])

    def repeat(
        self,
        kernel: Kernel,
        state: Any,
        *,
        num_steps: int,
        seed: Seed,
        first: int = 0,
        capacity: int | None = None,
    ) -> tuple:
        """Take several steps; return the state and the `Steps`, in NumPy.

        The draws are those of as many single steps; `first` is the number of the first.
        Columns are as long as there are steps, whatever the `capacity`.
        """
        rows, tallies = [], []
        programs = self._programs_of(kernel)
        pending = None
        for index in range(first, first + num_steps):
            step_seed = fold_in_step(seed, index)
            if programs.turn is None:
                state, info = self(kernel, state, seed=step_seed)
                row = self._timed(programs.record, state, info)
            else:
                if pending is None:
                    first_seed = split(step_seed, n=2)[0]
                    pending = self._timed(programs.propose, state, first_seed)
                next_seed = split(fold_in_step(seed, index + 1), n=2)[0]
                turn = self._answer(programs, pending, step_seed, next_seed)
                state, info, row, pending = turn
            rows.append([column.numpy() for column in row])
            tallies.append(info.tally)
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        return state, Steps(tuple(columns), total(tallies))

    def _answer(
        self, programs: Programs, pending: Pending, seed: Seed, next_seed: Any = None
    ) -> Any:
        """Answer requests until the step ends; begin the next if it has a seed."""
        tally = self._no_tally(pending.points.shape[-1])
        _, seed = split(seed, n=2)
        while True:
            complete_seed, seed = split(seed, n=2)
            if pending.is_wanted is not None:
                state, info = self._answer_series(
                    programs, pending, tally, complete_seed
                )
                break
            arguments = (pending, self._evaluate(pending), tally, complete_seed)
            if next_seed is None:
                outcome = self._timed(programs.complete, *arguments)
            else:
                outcome = self._timed(programs.turn, *arguments, next_seed)
            if isinstance(outcome, Turn):
                return outcome
            if not isinstance(outcome[0], Pending):
                return outcome
            pending, tally = outcome
        if next_seed is None:
            return state, info
        row = self._timed(programs.record, state, info)
        return Turn(state, info, row, self._timed(programs.propose, state, next_seed))

    def _answer_series(self, programs, pending, tally, seed) -> tuple:
        """Answer a request for as long as it is wanted."""
        index = 0
        while pending.is_wanted:
            answer = self._evaluate(pending)
            pending, tally = self._timed(
                programs.complete, pending, answer, tally, fold_in_step(seed, index)
            )
            index += 1
        state, info = self._timed(programs.finish, pending.carry)
        return state, info._replace(tally=tally)

    def _evaluate(self, request: Any) -> Evaluation:
        """Call the target in Python; a gradient only where one is asked for."""
        points = request.points.numpy()
        if not request.needs_gradient:
            log_prob, payload = self._log_prob_fn(points)
            return Evaluation(tf.constant(log_prob, tf.float64), None, payload)
        log_prob, gradient = self._callback.value_and_gradient(points)
        return Evaluation(tf.constant(log_prob), tf.constant(gradient))

    def _timed(self, program: Any, *arguments: Any) -> Any:
        """Call a program; the time of its first call was spent on compiling.

        The function traced for these shapes is called directly: finding it anew each
        time would take longer than the step.
        """
        shapes = (getattr(t, "shape", None) for t in tf.nest.flatten(arguments))
        key = (id(program), *shapes)
        if key in self._traced:
            return self._traced[key](*arguments)
        started = time.perf_counter()
        traced = program.get_concrete_function(*arguments)
        outcome = traced(*arguments)
        self._traced[key] = traced
        self.compile_seconds += time.perf_counter() - started
        return outcome

    def _no_tally(self, event_size: int) -> Tally:
        if event_size not in self._empty:
            self._empty[event_size] = empty(event_size)
        return self._empty[event_size]

    def _programs_of(self, kernel: Kernel) -> Programs:
        if id(kernel) not in self._programs:
            parts = compile_parts(kernel, self._callback, self._record)
            self._programs[id(kernel)] = parts
        return self._programs[id(kernel)]
