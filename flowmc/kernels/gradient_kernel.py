"""What kernels with gradients share: caches, a differentiable target, the tally.

TFP's kernels want a function they can differentiate; ours are told values by an
evaluator.  `differentiable` turns the one into the other, for graph and host targets.
"""

__all__ = ["GradientInfo", "GradientKernel", "GradientState", "differentiable"]

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import Array, Evaluate, LogProbFn, Request, Seed
from flowmc.kernels.arguments import (
    check_circular,
    check_position,
    check_step_size,
    wrap,
)
from flowmc.kernels.drive import evaluate_with, step_with
from flowmc.kernels.starts import NO_GRADIENT, checked, starting_log_prob


class GradientState(NamedTuple):
    """Chain state; the gradient is a cache that `start` rebuilds."""

    position: Array  # [num_chains, D]
    log_prob: Array  # [num_chains]
    payload: Any  # nest of [num_chains, ...]
    gradient: Array  # [num_chains, D]


class GradientInfo(NamedTuple):
    """What one step did."""

    is_accepted: Array  # [num_chains], bool
    log_accept_ratio: Array  # [num_chains]
    num_leapfrog_steps: Array  # [num_chains], int32
    is_divergent: Array  # [num_chains], bool
    tally: Any = ()


def differentiable(evaluate: Evaluate) -> Callable[[Array], Array]:
    """Return `x [n, D] -> log_prob [n]` with the evaluator's own gradient.

    NaN passes as it is; a gradient that is not finite becomes `NO_GRADIENT`.
    """

    @tf.custom_gradient
    def log_prob_fn(x):
        answer = evaluate(Request(x, needs_gradient=True, carry=()))
        is_finite = tf.reduce_all(tf.math.is_finite(answer.gradient), axis=-1)
        gradient = tf.where(is_finite[:, None], answer.gradient, NO_GRADIENT)

        def pull_back(upstream, variables=()):
            # The models' weights are frozen here, whatever TensorFlow thinks of them.
            return upstream[:, None] * gradient, [None] * len(variables)

        return answer.log_prob, pull_back

    return log_prob_fn


class GradientKernel:
    """Base of kernels that step by TFP and are judged here.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Length of one leapfrog step, a variable.
        circular: Which coordinates are angles, wrapped to [-pi, pi) after each step.
    """

    name = ""
    target_acceptance = 0.8
    max_step_size = math.inf
    gradients_at_start = 1  # for each chain, whenever a state is built

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.1,
        circular: Sequence[bool] | None = None,
    ) -> None:
        check_step_size(step_size)
        self._target_log_prob_fn = target_log_prob_fn
        self.step_size = tf.Variable(
            np.float64(step_size), trainable=False, name="step_size"
        )
        self._circular = check_circular(circular)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> GradientState:
        """Build the state at `position` `[num_chains, D]`.

        Raises:
            TargetError: The density or its gradient is not finite at a start.
        """
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        evaluate = evaluate_with(self._target_log_prob_fn)
        return checked(
            self.start(position, log_prob, payload=payload, evaluate=evaluate)
        )

    def start(
        self, position: Array, log_prob: Array, *, payload: Any, evaluate: Evaluate
    ) -> GradientState:
        """Build the state with one evaluation of the gradient."""
        size = None if self._circular is None else len(self._circular)
        check_position(position, event_size=size)
        answer = evaluate(Request(position, needs_gradient=True, carry=()))
        is_finite = tf.reduce_all(tf.math.is_finite(answer.gradient), axis=-1)
        gradient = tf.where(is_finite[:, None], answer.gradient, NO_GRADIENT)
        return GradientState(position, log_prob, payload, gradient)

    def whole_step(
        self, state: Any, *, evaluate: Evaluate, seed: Seed
    ) -> tuple[GradientState, GradientInfo]:
        """Take one step; each kind of kernel has its own way."""
        state, info = self._move(state, differentiable(evaluate), seed)
        return state._replace(position=wrap(state.position, self._circular)), info

    def step(self, state: Any, *, seed: Seed) -> tuple[GradientState, GradientInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _move(self, state: GradientState, log_prob_fn: Callable, seed: Seed) -> tuple:
        raise TypeError(f"{type(self).__name__} does not say how it moves.")
