"""The gate: a refit replaces the weights it started from only if it is sound.

It must be finite where the target put its draws, invert what it maps, and leave the
tail of pi/q no heavier than it was - or, where heavy tails of the proposal bound pi/q
anyhow, have clearly more jumps accepted.  (That the held-out loss fell is `fit`'s own
rule: it restores the starting weights otherwise.)
"""

__all__ = ["GateDecision", "MOST_DRAWS", "judge_refit", "jump_acceptance"]

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import DensityModel, TransportModel
from flowmc.results.importance import pareto_shape

ROUND_TRIP_LIMIT = 1e-6
PARETO_LIMIT = 0.7
PARETO_SLACK = 0.15
WORTH_A_TAIL = 1.3  # times the acceptance of jumps that makes up for a heavier tail
MOST_DRAWS = 4096


class GateDecision(NamedTuple):
    """Whether a refit stays, and why in one sentence."""

    is_accepted: bool
    reason: str


def judge_refit(
    model: TransportModel,
    draws: np.ndarray,
    *,
    log_prob: np.ndarray,
    previous_log_q: np.ndarray | None = None,
    proposal: DensityModel | None = None,
) -> GateDecision:
    """Judge freshly fitted weights on draws of the target.

    Args:
        model: The model with its new weights.
        draws: `[n, D]`.
        log_prob: The target's log-density there `[n]`; NaN where unknown.
        previous_log_q: The model's log-density there with its former weights, or None
            if it had none worth keeping.
        proposal: What is proposed from, heavy tails included, if not the model itself:
            its density is the q of pi/q then, before and after.

    Returns:
        The decision.
    """
    kept = slice(0, MOST_DRAWS)
    x = tf.constant(draws[kept], tf.float64)
    z, _ = model.inverse_and_log_det(x)
    log_q = (proposal or model).log_prob(x).numpy()
    if not (np.isfinite(z.numpy()).all() and np.isfinite(log_q).all()):
        return GateDecision(False, "the refit gives non-finite values on its own draws")
    back, _ = model.forward_and_log_det(z)
    spread = np.maximum(x.numpy().std(axis=0), np.finfo(float).tiny)
    error = float(np.max(np.abs((back.numpy() - x.numpy()) / spread)))
    if not error < ROUND_TRIP_LIMIT:
        reason = (
            f"the refit must invert to {ROUND_TRIP_LIMIT:.0e} sd; it is off by "
            f"{error:.1e} sd"
        )
        return GateDecision(False, reason)
    after = _tail(log_prob[kept] - log_q)
    if previous_log_q is not None:
        former = log_prob[kept] - previous_log_q[kept]
        before = _tail(former)
        is_heavier = after > max(PARETO_LIMIT, before + PARETO_SLACK)
        gain = jump_acceptance(log_prob[kept] - log_q) / max(
            jump_acceptance(former), 1e-9
        )
        if is_heavier and (proposal is None or gain < WORTH_A_TAIL):
            reason = f"Pareto k of pi/q rose from {before:.2f} to {after:.2f}"
            return GateDecision(False, reason)
    return GateDecision(True, f"refit kept: round trip {error:.0e} sd, k = {after:.2f}")


def _tail(log_weight: np.ndarray) -> float:
    shape = pareto_shape(log_weight[np.isfinite(log_weight)])
    return shape if np.isfinite(shape) else -np.inf


def jump_acceptance(log_weight: np.ndarray) -> float:
    """Return how many independence jumps pi/q lets pass, from draws of pi.

    A jump from x to y passes with min(1, w(y) / w(x)); over x from pi and y from q that
    is E[min(1/w(x), 1/w(y))] / E[1/w] with both from pi.
    """
    usable = log_weight[np.isfinite(log_weight)]
    if len(usable) < 2:
        return 0.0
    inverse = np.exp(usable.min() - usable)
    other = np.roll(inverse, len(inverse) // 2)  # rows are in order of arrival
    return float(np.minimum(inverse, other).mean() / inverse.mean())
