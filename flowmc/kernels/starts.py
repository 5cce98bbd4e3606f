"""Where chains start: the density there, and what a state must be to go on from.

Compiled code cannot raise.  Kernels check their start when they are built eagerly;
whoever builds a state in compiled code calls `check_state` on what comes out.
"""

__all__ = [
    "NO_GRADIENT",
    "check_state",
    "checked",
    "starting_log_prob",
    "target_log_prob",
]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, ModelError, TargetError
from flowmc.core.types import LogProbFn
from flowmc.kernels.tally import HUGE

# Stands for a gradient that is not finite: too small to move anything, so that the
# trajectory goes straight on, yet recognizable where it ends.
NO_GRADIENT = 1e-300


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


def check_state(state: Any) -> None:
    """Check a state outside compiled code: density, gradient and weight of each chain.

    Raises:
        TargetError: A density is NaN or +inf, or a gradient is not finite.
        ModelError: The model cannot score a chain's position, or does not return it:
            the chain would stand still for ever.
    """
    position = np.asarray(state.position)
    log_prob = np.asarray(state.log_prob)
    _check_start(position, log_prob)
    is_inside = np.isfinite(log_prob)
    if hasattr(state, "gradient"):
        lost = is_inside & np.all(np.asarray(state.gradient) == NO_GRADIENT, axis=-1)
        _refuse(
            lost,
            position,
            TargetError,
            "The gradient of the log-density must be finite at the start",
            "Look for sqrt, abs, where or log at the edge of its domain, or use a "
            "kernel without gradients",
        )
    if hasattr(state, "log_weight"):
        _refuse(
            is_inside & ~np.isfinite(np.asarray(state.log_weight)),
            position,
            ModelError,
            "The model's log-density must be finite where chains start",
            "Wrap it in flowmc.models.defensive, or start elsewhere",
        )
    inner = getattr(state, "inner", None)
    if inner is not None:
        _refuse(
            is_inside & ~np.isfinite(np.asarray(inner.log_prob)),
            position,
            ModelError,
            "Starts must come back from the model's base space",
            "Fit the model to draws there, start elsewhere, or give "
            "`max_round_trip_error=None` if the error is known to be harmless",
        )
        if np.isfinite(np.asarray(inner.log_prob)).any():
            check_state(inner)


def checked(state: Any) -> Any:
    """Return `state`, checked if that is possible here."""
    if tf.executing_eagerly():
        check_state(state)
    return state


def _refuse(
    bad: np.ndarray, position: np.ndarray, error: type, rule: str, remedy: str
) -> None:
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise error(
            f"{rule}; this fails for {int(bad.sum())} of {len(bad)} chains, first for "
            f"chain {index} at {position[index].tolist()}. {remedy}."
        )
