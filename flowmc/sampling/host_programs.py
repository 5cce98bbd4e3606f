"""A kernel's own parts, compiled: what a host run does between two calls of the target.

One call of a compiled program costs a few tenths of a millisecond in Python alone.  The
end of a step and the proposal of the next are therefore one program, `turn`.
"""

__all__ = ["Pending", "Programs", "Turn", "compile_parts"]

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.types import CompositeKernel, Request, WholeStepKernel
from flowmc.kernels.tally import add, screen
from flowmc.sampling.callback import Callback

Record = Callable[[Any, Any], Any]  # state, info -> nest of tensors


class Pending(NamedTuple):
    """A request as compiled code can return it: tensors only."""

    points: tf.Tensor
    carry: Any
    defect: Any
    is_wanted: Any
    gradient_flag: Any  # an empty tuple if the gradient is needed, else None

    @property
    def needs_gradient(self) -> bool:
        """Whether the gradient is asked for."""
        return self.gradient_flag is not None


class Turn(NamedTuple):
    """The end of one step and the beginning of the next."""

    state: Any
    info: Any
    row: Any  # what `record` made of them
    pending: Pending


class Programs(NamedTuple):
    """A kernel's compiled parts; the kernel is kept so that its id stays its own."""

    kernel: Any
    init: Any
    propose: Any = None
    complete: Any = None
    turn: Any = None
    finish: Any = None
    whole_step: Any = None
    record: Any = None


def compile_parts(kernel: Any, callback: Callback, record: Record) -> Programs:
    """Compile the kernel's parts; those that call back cannot go through XLA."""
    if isinstance(kernel, WholeStepKernel):
        return _whole(kernel, callback, record)
    if isinstance(kernel, CompositeKernel):
        return Programs(kernel, init=None, record=_function(record))

    def complete(pending, answer, tally, seed):
        request = Request(pending.points, pending.needs_gradient, (), pending.defect)
        answer, counts = screen(request, answer)
        outcome = kernel.complete(pending.carry, answer, seed=seed)
        tally = add(tally, counts)
        if isinstance(outcome, Request):
            return _pending(outcome), tally
        state, info = outcome
        return state, info._replace(tally=tally)

    def turn(pending, answer, tally, seed, next_seed):
        outcome = complete(pending, answer, tally, seed)
        if isinstance(outcome[0], Pending):
            return outcome
        state, info = outcome
        following = _pending(kernel.propose(state, seed=next_seed))
        return Turn(state, info, record(state, info), following)

    return Programs(
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
        turn=_function(turn),
        finish=_function(lambda carry: kernel.finish(carry)),
        record=_function(record),
    )


def _whole(kernel: Any, callback: Callback, record: Record) -> Programs:
    def start(position, log_prob, payload):
        return kernel.start(
            position, log_prob, payload=payload, evaluate=callback.evaluate
        )

    def whole_step(state, seed):
        return kernel.whole_step(state, evaluate=callback.evaluate, seed=seed)

    return Programs(
        kernel,
        init=_function(start, jit_compile=False),
        whole_step=_function(whole_step, jit_compile=False),
        record=_function(record),
    )


def _pending(request: Request) -> Pending:
    flag = () if request.needs_gradient else None
    return Pending(
        request.points, request.carry, request.defect, request.is_wanted, flag
    )


def _function(function: Callable, *, jit_compile: bool = True) -> Any:
    return tf.function(function, jit_compile=jit_compile, autograph=False)
