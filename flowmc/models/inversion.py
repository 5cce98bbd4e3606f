"""Incremental inversion of an autoregressive layer, and its exact derivative.

    x_i = G(z_i; p_i),    p = N(x),    p_i sees x_<i

Both the solution and its gradient are walks through a triangular network: the gradient
walks from the last coordinate to the first, through the transposed weights,

    dx_i = gx_i + (N_x^T dp)_i,    dp_i = G_p dx_i + L_p gl,    dz_i = G_z dx_i + L_z gl

with L the log-determinants.  Nothing of the solution's own loop is stored or
differentiated, so that a gradient costs and compiles about as much as a solution.
"""

__all__ = ["SolveCoordinate", "invert"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.models.features import CircleFeatures
from flowmc.models.recursion import walk
from flowmc.models.scalar_slopes import SolveCoordinate, scalar_slopes


class _Problem(NamedTuple):
    """The network's weights, then its biases, and the map of one coordinate."""

    arrays: list[tf.Tensor]
    solve: SolveCoordinate
    is_circle: np.ndarray

    @property
    def weights(self) -> list[tf.Tensor]:
        """Masked weights of each layer."""
        return self.arrays[: len(self.arrays) // 2]

    @property
    def biases(self) -> list[tf.Tensor]:
        """Biases of each layer."""
        return self.arrays[len(self.arrays) // 2 :]


def invert(
    weights: Sequence[tf.Tensor],
    biases: Sequence[tf.Tensor],
    known: tf.Tensor,
    solve: SolveCoordinate,
    *,
    is_circle: np.ndarray,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Solve every coordinate in turn, computing each hidden unit once.

    Args:
        weights: Masked weights of each layer, rows sorted by degree.
        biases: Biases of each layer.
        known: The layer's other side `[D, n]`.
        solve: Solves one coordinate given its parameters.
        is_circle: `[D]`, which coordinates the first layer sees as sine and cosine.

    Returns:
        The solution `[D, n]` and the summed log-determinant `[n]`.
    """
    arrays = [tf.convert_to_tensor(array) for array in (*weights, *biases)]
    problem = _Problem(arrays, solve, is_circle)
    fixed = problem._replace(arrays=[tf.stop_gradient(array) for array in arrays])
    x, log_det = _solve(fixed, tf.stop_gradient(known))
    return _attach(problem, known, x, log_det)


def _attach(problem, known, x, log_det) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the solution, found without gradients, with its gradients."""

    @tf.custom_gradient
    def attached(x, log_det, known, *arrays):
        def gradient(x_bar, log_det_bar):
            # Attached again: the gradient of this gradient must know where x is from.
            own = problem._replace(arrays=list(arrays))
            solution, _ = _attach(own, known, x, log_det)
            return [None, None, *_pull_back(own, known, solution, x_bar, log_det_bar)]

        return (tf.identity(x), tf.identity(log_det)), gradient

    return attached(x, log_det, known, *problem.arrays)


def _solve(problem: _Problem, known: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    def emit(index, outputs):
        parameters = tf.cast(outputs, known.dtype)
        x_i, log_det = problem.solve(tf.gather(known, index), parameters, index)
        seen = _features(x_i, index, problem.is_circle)
        return x_i, tf.cast(seen, outputs.dtype), log_det

    first, *rest = problem.weights
    found = walk(
        [_by_coordinate(first, problem.is_circle), *rest],
        problem.biases,
        emit=emit,
        activate=lambda layer, index, units: tf.tanh(units),
        like=known,
    )
    return found.values, found.total


def _pull_back(problem, known, x, x_bar, log_det_bar) -> list[tf.Tensor]:
    """Return cotangents of the known side, of every weight and of every bias."""
    size, dtype = known.shape[0], problem.weights[0].dtype
    hidden, parameters = _one_pass(problem, x)
    slopes = scalar_slopes(problem.solve, known, parameters)
    seen = _feature_slopes(x, problem.is_circle)
    backward = [
        tf.reverse(item, [0])
        for item in (x_bar, seen, slopes.x_parameters, slopes.log_det_parameters)
    ]
    # Units of the last layer come first; a group of zeros stands for no unit.
    tanh_slopes = [
        tf.pad(_turn(1.0 - tf.square(units), size - 1), [[0, 1], [0, 0], [0, 0]])
        for units in reversed(hidden)
    ]

    def emit(index, outputs):
        x_bar, seen, x_slope, log_det_slope = (
            tf.gather(item, index) for item in backward
        )
        total = x_bar + tf.reduce_sum(seen * tf.cast(outputs, known.dtype), axis=0)
        inputs = x_slope * total + log_det_slope * log_det_bar
        return total, tf.cast(inputs, dtype), tf.zeros_like(total)

    def activate(layer, index, units):
        return units * tf.gather(tanh_slopes[layer], index)

    weights = _transposed(problem)
    biases = [tf.zeros([matrix.shape[0]], dtype) for matrix in weights]
    found = walk(weights, biases, emit=emit, activate=activate, like=known)
    inputs = [tf.cast(CircleFeatures(problem.is_circle)(x), dtype), *hidden]
    total = tf.reverse(found.values, [0])
    return [
        slopes.x_known * total + slopes.log_det_known * log_det_bar,
        *_network_cotangents(found.units, inputs, size),
    ]


def _network_cotangents(units, inputs, size: int) -> list[tf.Tensor]:
    """Return cotangents of every weight, then of every bias."""
    outer, *inner = units
    rows = [_flat(_turn(item, size - 1)) for item in reversed(inner)]
    rows.append(_flat(_turn(outer, size)))
    return [
        *(r @ tf.transpose(c) for r, c in zip(rows, inputs, strict=True)),
        *(tf.reduce_sum(r, axis=1) for r in rows),
    ]


def _one_pass(problem, x) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return the hidden units `[rows, n]` of each layer, and parameters `[P, D, n]`."""
    units = tf.cast(CircleFeatures(problem.is_circle)(x), problem.weights[0].dtype)
    hidden = []
    layers = list(zip(problem.weights, problem.biases, strict=True))
    for matrix, bias in layers[:-1]:
        units = tf.tanh(matrix @ units + bias[:, None])
        hidden.append(units)
    matrix, bias = layers[-1]
    outputs = matrix @ units + bias[:, None]
    outputs = tf.reshape(outputs, [x.shape[0], -1, tf.shape(x)[1]])
    return hidden, tf.cast(tf.transpose(outputs, [1, 0, 2]), x.dtype)


def _features(x_i, index, is_circle: np.ndarray) -> tf.Tensor:
    """What the network sees of one coordinate: `[n] -> [1 or 2, n]`.

    Where any coordinate is an angle each has two rows: (sin, cos), or (x, 0).
    """
    if not is_circle.any():
        return x_i[None]
    on_circle = tf.gather(is_circle, index)
    cosine = tf.where(on_circle, tf.cos(x_i), tf.zeros_like(x_i))
    return tf.stack([tf.where(on_circle, tf.sin(x_i), x_i), cosine])


def _feature_slopes(x: tf.Tensor, is_circle: np.ndarray) -> tf.Tensor:
    """Derivatives of `_features` for all coordinates: `[D, n] -> [D, 1 or 2, n]`."""
    if not is_circle.any():
        return tf.ones_like(x)[:, None]
    mask = is_circle[:, None]
    rows = [tf.where(mask, tf.cos(x), tf.ones_like(x))]
    rows.append(tf.where(mask, -tf.sin(x), tf.zeros_like(x)))
    return tf.stack(rows, axis=1)


def _by_coordinate(weights: tf.Tensor, is_circle: np.ndarray) -> tf.Tensor:
    """Sort the first layer's columns as `_features` does: `[rows, D (1 or 2)]`."""
    size = len(is_circle)
    if not is_circle.any():
        return weights
    # Column D + number of angles, a zero, stands for the cosine of what is no angle.
    cosines = np.full(size, size + is_circle.sum())
    cosines[is_circle] = size + np.arange(is_circle.sum())
    order = np.stack([np.arange(size), cosines], axis=1).reshape(-1)
    return tf.gather(tf.pad(weights, [[0, 0], [0, 1]]), order, axis=1)


def _transposed(problem) -> list[tf.Tensor]:
    """Transpose every layer, last first, with the coordinates' order turned round."""
    size = len(problem.is_circle)
    first, *rest = problem.weights
    weights = [_by_coordinate(first, problem.is_circle), *rest]
    groups = [size, *[size - 1] * len(rest), size]
    turned = []
    for index in reversed(range(len(weights))):
        matrix = _flat(_turn(tf.transpose(weights[index]), groups[index]))
        matrix = _flat(_turn(tf.transpose(matrix), groups[index + 1]))
        turned.append(tf.transpose(matrix))
    return turned


def _turn(rows: tf.Tensor, groups: int) -> tf.Tensor:
    """Cut rows into groups, last group first: `[g r, n] -> [g, r, n]`."""
    shape = [groups, rows.shape[0] // groups, tf.shape(rows)[1]]
    return tf.reverse(tf.reshape(rows, shape), [0])


def _flat(groups: tf.Tensor) -> tf.Tensor:
    shape = [groups.shape[0] * groups.shape[1], tf.shape(groups)[2]]
    return tf.reshape(groups, shape)
