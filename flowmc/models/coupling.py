"""Coupling layer: some coordinates stay, the others are moved given those that stay.

One pass either way.  Which coordinates stay follows the binary digits of their indices,
even and odd first: after two layers for each digit, every coordinate has been moved
given every other one.

Reference: Dinh, Sohl-Dickstein and Bengio (2017), arXiv:1605.08803.
"""

__all__ = ["Coupling", "check_coupling_size", "stack_coupling"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_event_size
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import fold_in
from flowmc.models.layers import Layer
from flowmc.models.mlp import ConditionerNetwork
from flowmc.models.scalar_maps import ScalarMap
from flowmc.models.sizes import Sizes


class Coupling(tf.Module):
    """Moves some coordinates by a map whose parameters see the others.

    Args:
        scalar_map: Moves one coordinate given its parameters.
        is_moved: Which coordinates move `[D]`; some must, and some must not.
        is_circle: Which are angles `[D]`.
        hidden_units: Width of each hidden layer of the network.
        seed: Seed of the initial weights.
        dtype: Float type of the network.
    """

    def __init__(
        self,
        scalar_map: ScalarMap,
        *,
        is_moved: np.ndarray,
        is_circle: np.ndarray,
        hidden_units: Sequence[int],
        seed: Any,
        dtype: str = "float64",
    ) -> None:
        super().__init__(name="coupling")
        self._map = scalar_map
        self._kept = np.flatnonzero(~is_moved).astype(np.int32)
        self._moved = np.flatnonzero(is_moved).astype(np.int32)
        order = np.argsort(np.concatenate([self._kept, self._moved]))
        self._order = order.astype(np.int32)
        has_circles = is_circle[self._moved].any()
        self._is_circle = is_circle[self._moved][:, None] if has_circles else None
        self._network = ConditionerNetwork(
            is_circle[self._kept],
            num_outputs=len(self._moved),
            num_params=scalar_map.num_params,
            hidden_units=hidden_units,
            seed=seed,
            dtype=dtype,
        )

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map data to base in one pass: `[D, n] -> [D, n], [n]`."""
        return self._move(x, self._map.inverse)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base to data in one pass: `[D, n] -> [D, n], [n]`."""
        return self._move(z, self._map.forward)

    def _move(self, points: tf.Tensor, direction: Any) -> tuple[tf.Tensor, tf.Tensor]:
        kept = tf.gather(points, self._kept)
        moved, log_slopes = direction(
            tf.gather(points, self._moved), self._network(kept), self._is_circle
        )
        joined = tf.gather(tf.concat([kept, moved], axis=0), self._order)
        return joined, tf.reduce_sum(log_slopes, axis=0)


def stack_coupling(
    scalar_map: ScalarMap, *, sizes: Sizes, is_circle: np.ndarray, seed: Any
) -> list[Layer]:
    """Return coupling layers, base side first, whose moved coordinates alternate.

    Args:
        scalar_map: Moves one coordinate given its parameters.
        sizes: Number of layers, widths and float type of their networks.
        is_circle: Mask of the circle coordinates `[D]`.
        seed: Seed of the initial weights.
    """
    layers: list[Layer] = [
        Coupling(
            scalar_map,
            is_moved=moved_coordinates(len(is_circle), index),
            is_circle=is_circle,
            hidden_units=sizes.hidden_units,
            seed=fold_in(seed, "layer", index),
            dtype=sizes.dtype,
        )
        for index in range(sizes.num_layers)
    ]
    return layers[::-1]


def moved_coordinates(event_size: int, index: int) -> np.ndarray:
    """Return which coordinates layer `index`, counted from the data, moves."""
    digits = (event_size - 1).bit_length()
    digit, parity = (index // 2) % digits, index % 2
    return (np.arange(event_size) >> digit) % 2 == 1 - parity


def check_coupling_size(event_size: Any, *, family: str) -> int:
    """Return `event_size` as an int of at least 2."""
    size = check_event_size(event_size)
    if size < 2:
        raise ConfigurationError(
            f"`event_size` of `{family}` must be at least 2, for it moves some "
            f"coordinates given the others; got {size}. Use `maf` or "
            "`spline_autoregressive`."
        )
    return size
