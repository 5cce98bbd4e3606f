"""The change-of-variables formula, in the one place where it is written.

A density of theta = f(x) becomes a density of x:

    log_prob_x(x) = log_prob_theta(f(x)) + log|det df/dx|
"""

__all__ = ["add_log_det", "pullback"]

from typing import Any

import tensorflow as tf

from flowmc.core.types import LogProbFn


def pullback(log_prob_fn: LogProbFn, transform: Any) -> LogProbFn:
    """Return the log-density of `x` for which theta = f(x) has `log_prob_fn`.

    Args:
        log_prob_fn: Log-density of theta, `[n, D] -> [n]`.
        transform: Anything with `forward_and_log_det(x) -> (theta, log_det)`: a
            `BoundsTransform` or a transport model.

    Returns:
        A function `[n, D] -> [n]`.
    """

    def log_prob_x(x: Any) -> tf.Tensor:
        theta, log_det = transform.forward_and_log_det(x)
        return add_log_det(log_prob_fn(theta), log_det)

    return log_prob_x


def add_log_det(log_prob: Any, log_det: Any) -> tf.Tensor:
    """Return `log_prob + log_det`, keeping a zero density at zero density.

    For targets whose values come from outside TensorFlow; `[n], [n] -> [n]` in the
    type of `log_prob`.
    """
    log_prob = tf.convert_to_tensor(log_prob)
    log_det = tf.cast(log_det, log_prob.dtype)
    # -inf plus an overflowed log-det of +inf would be NaN.
    is_zero = tf.equal(log_prob, tf.constant(float("-inf"), log_prob.dtype))
    return tf.where(is_zero, log_prob, log_prob + log_det)
