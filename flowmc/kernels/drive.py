"""Run a kernel's requests to the end of one step.

A kernel asks for evaluations and is told the answers; who evaluates, and whether in
compiled code or in Python, is the caller's affair.
"""

__all__ = [
    "Inline",
    "drive",
    "evaluate_with",
    "refresh_payload",
    "start_tally",
    "step_with",
]

from typing import Any

import tensorflow as tf

from flowmc.core.seeds import as_seed, fold_in_step, split
from flowmc.core.types import (
    Array,
    CompositeKernel,
    Evaluate,
    Evaluation,
    Kernel,
    LogProbFn,
    Request,
    Seed,
    WholeStepKernel,
)
from flowmc.kernels.starts import target_log_prob
from flowmc.kernels.tally import Tally, add, counted, empty, screen


class Inline:
    """Steps kernels with an evaluator of tensors: eagerly, or while a graph is traced.

    Args:
        evaluate: `Request -> Evaluation`.
    """

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate

    def init(self, kernel: Kernel, position: Array, log_prob: Array, payload: Any = ()):
        """Build the kernel's state; only a kernel with caches evaluates here."""
        if isinstance(kernel, WholeStepKernel):
            return kernel.start(
                position, log_prob, payload=payload, evaluate=self._evaluate
            )
        return kernel.init(position, log_prob, payload=payload)

    def __call__(self, kernel: Kernel, state: Any, *, seed: Seed) -> tuple:
        """Take one step of `kernel`."""
        return drive(kernel, state, evaluate=self._evaluate, seed=seed)

    def choose(self, index: Array, branches: list) -> Any:
        """Call one of the branches; all return nests of the same structure."""
        return tf.switch_case(index, branches)


def drive(kernel: Any, state: Any, *, evaluate: Evaluate, seed: Seed) -> tuple:
    """Take one step: propose, evaluate, complete, as often as the kernel asks."""
    if isinstance(kernel, WholeStepKernel):
        state, info = kernel.whole_step(state, evaluate=evaluate, seed=seed)
        return refresh_payload(state, evaluate, info)
    if isinstance(kernel, CompositeKernel):
        return kernel.compose(state, stepper=Inline(evaluate), seed=seed)
    propose_seed, seed = split(seed, n=2)
    outcome: Any = kernel.propose(state, seed=propose_seed)
    tally = empty(outcome.points.shape[-1])
    while isinstance(outcome, Request):
        complete_seed, seed = split(seed, n=2)
        if outcome.is_wanted is not None:
            carry, tally = _repeat(kernel, outcome, tally, evaluate, complete_seed)
            outcome = kernel.finish(carry)
            continue
        answer, counts = screen(outcome, evaluate(outcome))
        tally = add(tally, counts)
        outcome = kernel.complete(outcome.carry, answer, seed=complete_seed)
    state, info = outcome
    return state, info._replace(tally=tally)


def refresh_payload(state: Any, evaluate: Evaluate, info: Any) -> tuple[Any, Any]:
    """Ask for the payload anew where a whole step moved the points it belongs to."""
    if not tf.nest.flatten(state.payload):
        return state, info
    answer = evaluate(Request(state.position, needs_gradient=False, carry=()))
    num_chains, size = state.position.shape
    asked = add(info.tally, counted(size, log_prob_calls=num_chains))
    return state._replace(payload=answer.payload), info._replace(tally=asked)


def start_tally(kernel: Kernel, state: Any) -> Tally:
    """Return what building `state` cost: kernels that cache a gradient evaluate it."""
    num_chains, size = state.position.shape
    gradients = getattr(kernel, "gradients_at_start", 0) * num_chains
    return counted(size, gradient_calls=gradients)


def step_with(
    kernel: Kernel, state: Any, target_log_prob_fn: LogProbFn | None, *, seed: Seed
) -> tuple:
    """Take one step of a kernel that knows its target."""
    evaluate = evaluate_with(target_log_prob_fn)
    return drive(kernel, state, evaluate=evaluate, seed=as_seed(seed))


def evaluate_with(target_log_prob_fn: LogProbFn | None) -> Evaluate:
    """Return an evaluator that calls a TensorFlow log-density."""

    def evaluate(request: Request) -> Evaluation:
        if request.needs_gradient:
            with tf.GradientTape() as tape:
                tape.watch(request.points)
                log_prob = target_log_prob(target_log_prob_fn, request.points)
            return Evaluation(log_prob, tape.gradient(log_prob, request.points))
        return Evaluation(target_log_prob(target_log_prob_fn, request.points))

    return evaluate


def _repeat(kernel: Any, request: Request, tally, evaluate: Evaluate, seed) -> tuple:
    """Answer a request until it is not wanted any more; return the last carry."""

    def parts(request):
        defect = () if request.defect is None else request.defect
        return request.points, request.carry, defect

    def body(index, is_wanted, asked, tally):
        points, carry, defect = asked
        known = None if isinstance(defect, tuple) else defect
        request = Request(points, needs_gradient, carry, known)
        answer, counts = screen(request, evaluate(request))
        again = kernel.complete(carry, answer, seed=fold_in_step(seed, index))
        return index + 1, again.is_wanted, parts(again), add(tally, counts)

    needs_gradient = request.needs_gradient
    start = (tf.constant(0), request.is_wanted, parts(request), tally)
    _, _, asked, tally = tf.while_loop(
        lambda index, is_wanted, asked, tally: is_wanted, body, start
    )
    return asked[1], tally
