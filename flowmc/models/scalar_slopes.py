"""Derivatives of the map of one coordinate, taken at all coordinates at once."""

__all__ = ["ScalarSlopes", "SolveCoordinate", "scalar_slopes"]

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# Solves coordinates: (known values [..., n], their parameters [P, ..., n], indices) ->
# (values, log-dets).  Elementwise: also called for all coordinates at once.
SolveCoordinate = Callable[
    [tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]
]


class ScalarSlopes(NamedTuple):
    """Derivatives of value and log-det by z `[D, n]` and parameters `[D, P, n]`."""

    x_known: tf.Tensor
    x_parameters: tf.Tensor
    log_det_known: tf.Tensor
    log_det_parameters: tf.Tensor


def scalar_slopes(
    solve: SolveCoordinate, known: tf.Tensor, parameters: tf.Tensor
) -> ScalarSlopes:
    """Differentiate `solve` at `known` `[D, n]` and `parameters` `[P, D, n]`."""
    indices = tf.range(known.shape[0])[:, None]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([known, parameters])
        x, log_det = solve(known, parameters, indices)
    zero = tf.UnconnectedGradients.ZERO
    slopes = []
    for result in (x, log_det):
        by_known, by_parameters = tape.gradient(
            result, [known, parameters], unconnected_gradients=zero
        )
        slopes += [by_known, tf.transpose(by_parameters, [1, 0, 2])]
    return ScalarSlopes(*slopes)
