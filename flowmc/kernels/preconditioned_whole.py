"""Run a kernel that evaluates by itself, such as HMC, in a model's base space.

The inner kernel is given an evaluator of `z` that maps to `x`, asks the outer one, and
brings the gradient back: it needs to know nothing else.
"""

__all__ = ["PreconditionedWhole", "PreconditionedWholeState"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import Array, Evaluate, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.change_of_variables import ChangeOfVariables
from flowmc.kernels.drive import evaluate_with, step_with
from flowmc.kernels.metropolis import select
from flowmc.kernels.starts import checked, starting_log_prob
from flowmc.kernels.tally import NOT_FINITE, NOT_INVERTIBLE, SOUND, add, counted


class PreconditionedWholeState(NamedTuple):
    """State in `x`, and the inner kernel's state in `z` as its cache."""

    position: Array  # [num_chains, D], x
    log_prob: Array  # [num_chains], of x
    payload: Any  # nest of [num_chains, ...]
    inner: Any  # the inner kernel's state; its position is z


class PreconditionedWhole:
    """The whole steps of `inner` on `z`, reported in `x`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]` of `x`, or None.
        change: The map.
        inner: A kernel of whole steps.
    """

    name = "preconditioned"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None,
        change: ChangeOfVariables,
        inner: Any,
    ) -> None:
        self._target_log_prob_fn = target_log_prob_fn
        self._change = change
        self.inner: Any = inner
        self.gradients_at_start = getattr(inner, "gradients_at_start", 0)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> PreconditionedWholeState:
        """Build the state at `position`; call again whenever the model has learned."""
        evaluate = evaluate_with(self._target_log_prob_fn)
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        return checked(
            self.start(position, log_prob, payload=payload, evaluate=evaluate)
        )

    def start(
        self, position: Array, log_prob: Array, *, payload: Any, evaluate: Evaluate
    ) -> PreconditionedWholeState:
        """Build the state; the inner kernel may evaluate."""
        z, log_prob_z = self._change.to_latent(position, log_prob)
        evaluate_z = self._evaluator(evaluate, safe=position)
        inner = self.inner.start(z, log_prob_z, payload=(), evaluate=evaluate_z)
        return PreconditionedWholeState(position, log_prob, payload, inner)

    def whole_step(
        self, state: PreconditionedWholeState, *, evaluate: Evaluate, seed: Seed
    ) -> tuple[PreconditionedWholeState, Any]:
        """Step in `z`; refuse to arrive where the map is not one-to-one."""
        evaluate_z = self._evaluator(evaluate, safe=state.position)
        inner, info = self.inner.whole_step(state.inner, evaluate=evaluate_z, seed=seed)
        x, log_det, defect = self._change.to_target(inner.position, safe=state.position)
        is_sound = tf.equal(defect, SOUND)
        is_accepted = info.is_accepted & is_sound
        log_prob = inner.log_prob - log_det
        moved = PreconditionedWholeState(x, log_prob, state.payload, inner)
        # Chains that stay do so to the last digit, not by way of z: whoever looks for
        # chains that stand still compares positions.
        state = select(is_accepted, moved, state)
        refused = counted(
            x.shape[-1],
            bad_proposals=_total(defect, NOT_FINITE),
            not_invertible=_total(defect, NOT_INVERTIBLE),
        )
        # The inner kernel named the first bad point in its own coordinates.
        named, *_ = self._change.to_target(info.tally.x[None], safe=info.tally.x[None])
        was_bad = tf.not_equal(info.tally.value, 0.0)
        tally = info.tally._replace(x=tf.where(was_bad, named[0], 0.0))
        return state, info._replace(
            is_accepted=is_accepted,
            log_accept_ratio=tf.where(
                is_sound, info.log_accept_ratio, tf.constant(-np.inf, tf.float64)
            ),
            tally=add(tally, refused),
        )

    def step(
        self, state: PreconditionedWholeState, *, seed: Seed
    ) -> tuple[PreconditionedWholeState, Any]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _evaluator(self, evaluate: Evaluate, *, safe: Array) -> Evaluate:
        """Return an evaluator of `z`; `safe` stands in for points without an image."""

        def evaluate_z(request: Request) -> Evaluation:
            x, log_det, defect, pull_back = self._change.to_target_with_gradient(
                request.points, safe=safe
            )
            answer = evaluate(Request(x, request.needs_gradient, ()))
            dead = tf.constant(-np.inf, tf.float64)
            log_prob = tf.where(defect == SOUND, answer.log_prob + log_det, dead)
            gradient = answer.gradient
            if gradient is not None:
                gradient = pull_back(gradient)
                # The safe point's would depend on where the trajectory began.
                nowhere = tf.constant(np.nan, tf.float64)
                gradient = tf.where((defect == SOUND)[:, None], gradient, nowhere)
            return Evaluation(log_prob, gradient, answer.payload)

        return evaluate_z


def _total(defect: tf.Tensor, kind: int) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tf.equal(defect, kind), tf.int32))
