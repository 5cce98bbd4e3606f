"""Run a kernel's requests to the end of one step.

A kernel asks for evaluations and is told the answers; who evaluates, and whether in
compiled code or in Python, is the caller's affair.
"""

__all__ = [
    "Inline",
    "drive",
    "evaluate_with",
    "refresh_payload",
    "starting_log_prob",
    "step_with",
    "target_log_prob",
]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, TargetError
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
from flowmc.kernels.tally import HUGE, add, empty, screen


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
        return refresh_payload(state, evaluate), info
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


def refresh_payload(state: Any, evaluate: Evaluate) -> Any:
    """Ask for the payload anew where a whole step moved the points it belongs to."""
    if not tf.nest.flatten(state.payload):
        return state
    answer = evaluate(Request(state.position, needs_gradient=False, carry=()))
    return state._replace(payload=answer.payload)


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


def target_log_prob(target_log_prob_fn: LogProbFn | None, points: Any) -> tf.Tensor:
    """Call the target; check that it scores each point by itself."""
    if target_log_prob_fn is None:
        raise ConfigurationError(
            "The kernel must know its target to evaluate points by itself; it was "
            "built without `target_log_prob_fn`. Pass one, or pass `log_prob` to "
            "`init` and drive `propose` and `complete` yourself."
        )
    log_prob = tf.convert_to_tensor(target_log_prob_fn(points))
    if log_prob.shape.rank != 1 or log_prob.shape[0] not in (None, points.shape[0]):
        raise ConfigurationError(
            "`target_log_prob_fn` must map [n, D] to [n]; for points of shape "
            f"{points.shape} it gave {log_prob.shape}. Sum over the last axis only."
        )
    return tf.cast(log_prob, tf.float64)


def starting_log_prob(
    target_log_prob_fn: LogProbFn | None, position: Any, log_prob: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the start as float64 tensors, its density evaluated unless given.

    Raises:
        TargetError: A density is NaN or +inf, or every one is zero.  Compiled code
            cannot raise; there the check is the caller's.
    """
    position = tf.convert_to_tensor(position, dtype=tf.float64)
    if log_prob is None:
        log_prob = target_log_prob(target_log_prob_fn, position)
    log_prob = tf.convert_to_tensor(log_prob, dtype=tf.float64)
    if tf.executing_eagerly():
        _check_start(position.numpy(), log_prob.numpy())
    return position, log_prob


def _check_start(position: np.ndarray, log_prob: np.ndarray) -> None:
    bad = np.isnan(log_prob) | (log_prob >= HUGE)
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise TargetError(
            "The log-density at the start must be finite or -inf; it is "
            f"{log_prob[index]} for {int(bad.sum())} of {len(bad)} chains, first for "
            f"chain {index} at {position[index].tolist()}. Start elsewhere, or mend "
            "the density there."
        )
    if len(log_prob) and np.isneginf(log_prob).all():
        raise TargetError(
            "At least one chain must start where the density is positive; it is zero "
            f"at all {len(log_prob)} starting points. Start inside the support."
        )


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
