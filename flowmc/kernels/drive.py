"""Run a kernel's requests to the end of one step.

A kernel asks for evaluations and is told the answers; who evaluates, and whether in
compiled code or in Python, is the caller's affair.
"""

__all__ = ["drive", "evaluate_with", "target_log_prob"]

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import split
from flowmc.core.types import Evaluation, Kernel, LogProbFn, Request, Seed

Evaluate = Callable[[Request], Evaluation]


def drive(kernel: Kernel, state: Any, *, evaluate: Evaluate, seed: Seed) -> tuple:
    """Take one step: propose, evaluate, complete, as often as the kernel asks."""
    propose_seed, seed = split(seed, n=2)
    outcome: Any = kernel.propose(state, seed=propose_seed)
    while isinstance(outcome, Request):
        complete_seed, seed = split(seed, n=2)
        answer = evaluate(outcome)
        outcome = kernel.complete(outcome.carry, answer, seed=complete_seed)
    return outcome


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
    if log_prob.shape.rank != 1:
        raise ConfigurationError(
            "`target_log_prob_fn` must map [n, D] to [n]; for points of shape "
            f"{points.shape} it gave {log_prob.shape}. Sum over the last axis only."
        )
    return log_prob
