"""Densities between the reference and the target, and back.

log pi_b(x) = (1 - b) log reference(x) + b log target(x)
"""

__all__ = ["graph_tempered", "host_tempered", "temper", "untemper"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.sampling.space import Space

LOWEST = -1e300  # stands for a density of zero where -inf times zero would be NaN


def graph_tempered(space: Space, x: Any, b: Any) -> tf.Tensor:
    """Return the log-density at the inverse temperature `b` inside compiled code."""
    log_prob = space.graph_log_prob(x)
    reference = tf.maximum(space.graph_log_reference(x), LOWEST)
    is_own = tf.equal(log_prob, -np.inf) | (b >= 1.0)
    return tf.where(is_own, log_prob, (1.0 - b) * reference + b * log_prob)


def host_tempered(space: Space, x: np.ndarray, b: float) -> np.ndarray:
    """Return the log-density at `b` on the host, counted."""
    log_prob = space.log_prob(x)
    return log_prob if b >= 1.0 else temper(log_prob, space.log_reference(x), b)


def temper(log_prob: np.ndarray, log_reference: np.ndarray, b: float) -> np.ndarray:
    """Return `(1 - b) log_reference + b log_prob`, -inf where the target is zero."""
    with np.errstate(invalid="ignore"):  # zero times -inf
        mixed = (1.0 - b) * np.maximum(log_reference, LOWEST) + b * log_prob
    return np.where(np.isneginf(log_prob), log_prob, mixed)


def untemper(tempered: np.ndarray, log_reference: np.ndarray, b: float) -> np.ndarray:
    """Return the target's log-density from that of `temper`, for `b > 0`.

    Its error is the tempered value's divided by `b`, and no harm at the next `b`.
    """
    own = (tempered - (1.0 - b) * np.maximum(log_reference, LOWEST)) / b
    return np.where(np.isneginf(tempered), tempered, own)
