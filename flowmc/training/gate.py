"""The gate: a refit replaces the weights it started from only if it is sound.

It must be finite where the target put its draws, invert what it maps, and leave the
tail of pi/q no heavier than it was.  (That the held-out loss fell is `fit`'s own rule:
it restores the starting weights otherwise.)
"""

__all__ = ["GateDecision", "MOST_DRAWS", "judge_refit"]

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import TransportModel
from flowmc.results.importance import pareto_shape

ROUND_TRIP_LIMIT = 1e-6
PARETO_LIMIT = 0.7
PARETO_SLACK = 0.15
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
) -> GateDecision:
    """Judge freshly fitted weights on draws of the target.

    Args:
        model: The model with its new weights.
        draws: `[n, D]`.
        log_prob: The target's log-density there `[n]`; NaN where unknown.
        previous_log_q: The model's log-density there with its former weights, or None
            if it had none worth keeping.

    Returns:
        The decision.
    """
    kept = slice(0, MOST_DRAWS)
    x = tf.constant(draws[kept], tf.float64)
    z, _ = model.inverse_and_log_det(x)
    log_q = model.log_prob(x).numpy()
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
        before = _tail(log_prob[kept] - previous_log_q[kept])
        if after > max(PARETO_LIMIT, before + PARETO_SLACK):
            reason = f"Pareto k of pi/q rose from {before:.2f} to {after:.2f}"
            return GateDecision(False, reason)
    return GateDecision(True, f"refit kept: round trip {error:.0e} sd, k = {after:.2f}")


def _tail(log_weight: np.ndarray) -> float:
    shape = pareto_shape(log_weight[np.isfinite(log_weight)])
    return shape if np.isfinite(shape) else -np.inf
