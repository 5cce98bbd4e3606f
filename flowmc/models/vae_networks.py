"""Network of a VAE's encoder and decoder: shifts and bounded log-scales, batch first.

    shift = linear(points) + perceptron(points),    log_scale = start + bounded(...)

The linear part makes an untrained VAE the standard normal with a tight bound, half of
the variance explained by the codes: it starts away from the collapsed state, in which
neither side has a reason to use the codes.
"""

__all__ = ["ScaleNetwork", "ShiftAndScale", "in_columns"]

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.models.mlp import ConditionerNetwork

EXPLAINED = 0.5  # share of a whitened coordinate's variance explained by its code


class ShiftAndScale(NamedTuple):
    """An affine map of M coordinates: y = shift + exp(log_scale) e, both `[..., M]`."""

    shift: tf.Tensor
    log_scale: tf.Tensor

    def apply(self, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return y and `log|det dy/de|`; leading dimensions of `noise` broadcast."""
        moved = self.shift + tf.exp(self.log_scale) * noise
        return moved, _sum_like(self.log_scale, moved)

    def undo(self, moved: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return e and `log|det de/dy|`; leading dimensions of `moved` broadcast."""
        noise = (moved - self.shift) * tf.exp(-self.log_scale)
        return noise, -_sum_like(self.log_scale, noise)


class ScaleNetwork(tf.Module):
    """Maps points `[..., C]` to one or more affine maps of M coordinates.

    The first map starts as the conditional of a linear-Gaussian model whose first
    min(C, M) coordinates belong together; further ones start as the identity.

    Args:
        num_inputs: `C`.
        num_outputs: `M`.
        num_maps: Number of affine maps.
        hidden_units: Width of each hidden layer.
        max_log_scale: Bound on how far a log-scale moves from where it starts.
        seed: Seed of the initial weights.
        dtype: Float type of the perceptron.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        num_maps: int = 1,
        hidden_units: Sequence[int],
        max_log_scale: float,
        seed: Any,
        dtype: str,
    ) -> None:
        super().__init__(name="scale_network")
        self._perceptron = ConditionerNetwork(
            [False] * num_inputs,
            num_outputs=num_outputs,
            num_params=2 * num_maps,
            hidden_units=hidden_units,
            seed=seed,
            dtype=dtype,
        )
        self._num_maps = num_maps
        self._bound = max_log_scale
        linear = math.sqrt(EXPLAINED) * np.eye(num_inputs, num_outputs)
        self._linear = tf.Variable(linear, name="linear")
        is_explained = np.arange(num_outputs) < num_inputs
        self._start = np.where(is_explained, 0.5 * math.log1p(-EXPLAINED), 0.0)

    def __call__(self, points: tf.Tensor) -> list[ShiftAndScale]:
        """Return the affine maps, each with shapes `[..., M]`."""
        columns, shape = _to_columns(points)
        parameters = tf.transpose(self._perceptron(columns), [0, 2, 1])
        shape = tf.concat([[2 * self._num_maps], shape, [parameters.shape[-1]]], axis=0)
        values = tf.unstack(tf.reshape(parameters, shape))
        maps = [
            ShiftAndScale(shift, self._bound * tf.tanh(raw / self._bound))
            for shift, raw in zip(values[::2], values[1::2], strict=True)
        ]
        linear = tf.tensordot(points, self._linear, axes=1)
        first = ShiftAndScale(maps[0].shift + linear, maps[0].log_scale + self._start)
        return [first, *maps[1:]]


def in_columns(
    mapping: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]], points: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply a map of columns `[D, n] -> [D, n], [n]` to points `[..., D]`."""
    columns, shape = _to_columns(points)
    moved, log_det = mapping(columns)
    whole = tf.concat([shape, [points.shape[-1]]], axis=0)
    return tf.reshape(tf.transpose(moved), whole), tf.reshape(log_det, shape)


def _to_columns(points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    flat = tf.reshape(points, [-1, points.shape[-1]])
    return tf.transpose(flat), tf.shape(points)[:-1]


def _sum_like(log_scale: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    total = tf.reduce_sum(log_scale, axis=-1)
    return tf.broadcast_to(total, tf.shape(points)[:-1])
