"""What a step cost and what went wrong in it: counted, never silent.

Compiled code cannot raise.  Bad values are therefore made harmless where they arise,
counted in the `tally` of every kernel's info, and the first bad point is kept so that
the caller can name it.
"""

__all__ = [
    "COUNTS",
    "NOT_FINITE",
    "NOT_INVERTIBLE",
    "PROBLEMS",
    "Tally",
    "add",
    "counted",
    "empty",
    "replace_bad",
    "screen",
    "total",
]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import Array, Evaluation, Request

HUGE = 1e300  # what some libraries write for infinity
SOUND, NOT_FINITE, NOT_INVERTIBLE = 0, 1, 2  # values of `Request.defect`
COUNTS = (
    "log_prob_calls",  # points evaluated without gradient
    "gradient_calls",  # points evaluated with gradient
    "nan_log_prob",
    "infinite_log_prob",  # +inf, or what stands for it
    "nan_gradient",  # not finite where the density is
    "bad_proposals",  # not finite, or of no finite density under the model
    "not_invertible",  # do not come back under the model's inverse
    "divergences",  # trajectories along which the energy ran away
)
PROBLEMS = COUNTS[2:]


class Tally(NamedTuple):
    """Counts of one or more steps, all chains together."""

    counts: Array  # [8], int32, in the order of COUNTS
    x: Array  # [D], the first point whose density was NaN or +inf
    value: Array  # [], that density; 0 where there was none

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name; outside compiled code."""
        return dict(zip(COUNTS, np.asarray(self.counts).tolist(), strict=True))


def empty(event_size: int) -> Tally:
    """Return the tally of no steps."""
    blank = tf.zeros([event_size], tf.float64)
    return Tally(tf.zeros([len(COUNTS)], tf.int32), blank, tf.zeros([], tf.float64))


def counted(event_size: int, **counts: Array) -> Tally:
    """Return a tally with the counts given by name."""
    zero = tf.constant(0, tf.int32)
    values = [tf.cast(counts.get(name, zero), tf.int32) for name in COUNTS]
    return empty(event_size)._replace(counts=tf.stack(values))


def add(first: Tally, second: Tally) -> Tally:
    """Return the tally of both, with the earlier bad point."""
    is_new = tf.equal(first.value, 0.0)
    return Tally(
        first.counts + second.counts,
        tf.where(is_new, second.x, first.x),
        tf.where(is_new, second.value, first.value),
    )


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the tally of many steps, outside compiled code; NumPy throughout."""
    counts, x, values = (np.stack(column) for column in zip(*tallies, strict=True))
    first = int(np.argmax(values != 0.0))  # NaN is not 0 either
    return Tally(counts.sum(axis=0), x[first], values[first])


def screen(request: Request, answer: Evaluation) -> tuple[Evaluation, Tally]:
    """Make an answer harmless: whatever is no density counts as zero density.

    Returns:
        The answer with -inf for NaN, +inf and points that the model got wrong, and a
        zero gradient where it is not finite; and the tally of it all.
    """
    log_prob, gradient = answer.log_prob, answer.gradient
    is_sound = tf.ones_like(log_prob, tf.bool)
    if request.defect is not None:
        is_sound = tf.equal(request.defect, SOUND)
    is_nan = tf.math.is_nan(log_prob) & is_sound
    is_infinite = (log_prob >= HUGE) & is_sound
    is_bad = is_nan | is_infinite
    dead = tf.constant(-np.inf, log_prob.dtype)
    clean = tf.where(is_bad | ~is_sound, dead, log_prob)
    counts: dict[str, Any] = {
        "nan_log_prob": _total(is_nan),
        "infinite_log_prob": _total(is_infinite),
    }
    if request.defect is not None:
        counts["bad_proposals"] = _total(tf.equal(request.defect, NOT_FINITE))
        counts["not_invertible"] = _total(tf.equal(request.defect, NOT_INVERTIBLE))
    kind = "log_prob_calls" if gradient is None else "gradient_calls"
    counts[kind] = tf.size(log_prob)
    if gradient is not None:
        is_finite = tf.reduce_all(tf.math.is_finite(gradient), axis=-1)
        counts["nan_gradient"] = _total(~is_finite & tf.math.is_finite(clean))
        gradient = tf.where(is_finite[:, None], gradient, 0.0)
    tally = counted(request.points.shape[-1], **counts)
    x, value = _first(is_bad, request.points, log_prob)
    tally = tally._replace(x=x, value=value)
    return Evaluation(clean, gradient, answer.payload), tally


def replace_bad(points: Array, log_density: Array, *, safe: Array) -> tuple:
    """Put safe points where a model's are not finite, or their log-density is not.

    Returns:
        The points `[m, D]`, the log-densities `[m]`, 0 for those replaced, and the
        request's `defect` `[m]`.
    """
    is_sound = tf.reduce_all(tf.math.is_finite(points), axis=-1)
    is_sound &= tf.math.is_finite(log_density)
    points = tf.where(is_sound[:, None], points, safe)
    log_density = tf.where(is_sound, log_density, 0.0)
    return points, log_density, tf.where(is_sound, SOUND, NOT_FINITE)


def _total(flags: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(flags, tf.int32))


def _first(is_bad: tf.Tensor, points: tf.Tensor, log_prob: tf.Tensor) -> tuple:
    """Return the first bad point and its value; zeros if there is none."""
    # Gathered, not sliced: XLA wants a slice's start as a constant, would trace it
    # back to every input, and compile anew for each new value of any of them.
    index = tf.argmax(tf.cast(is_bad, tf.int32), output_type=tf.int32)
    any_bad = tf.reduce_any(is_bad)
    x, value = tf.gather(points, index), tf.gather(log_prob, index)
    return tf.where(any_bad, x, 0.0), tf.where(any_bad, value, 0.0)
