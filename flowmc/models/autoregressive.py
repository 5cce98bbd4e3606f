"""Autoregressive layer, exact and fast in both directions.

With m(.; p) an increasing map of one coordinate, such as an affine one or a spline:

    density:  z_i = m(x_i; p_i(x_<i))               one pass
    draw:     x_i = m^-1(z_i; p_i(x_<i))            one incremental pass
"""

__all__ = ["AffineAutoregressive", "Autoregressive", "stack_autoregressive"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in
from flowmc.models.layers import Layer, Reverse
from flowmc.models.networks import MaskedNetwork
from flowmc.models.scalar_maps import AffineMap, ScalarMap
from flowmc.models.sizes import Sizes


class Autoregressive(tf.Module):
    """Each coordinate moved by a map whose parameters see the ones before it.

    Args:
        network: Masked network with `scalar_map.num_params` parameters a coordinate.
        scalar_map: Moves one coordinate given its parameters.
        is_circle: Which coordinates are angles; default none.
    """

    def __init__(
        self,
        network: MaskedNetwork,
        scalar_map: ScalarMap,
        *,
        is_circle: Sequence[bool] | np.ndarray | None = None,
    ) -> None:
        super().__init__(name="autoregressive")
        self._network = network
        self._map = scalar_map
        has_circles = is_circle is not None and np.any(is_circle)
        self._is_circle = np.asarray(is_circle, bool) if has_circles else None

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map data to base in one pass: `[D, n] -> [D, n], [n]`."""
        mask = None if self._is_circle is None else self._is_circle[:, None]
        z, log_slopes = self._map.inverse(x, self._network(x), mask)
        return z, tf.reduce_sum(log_slopes, axis=0)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base to data, each hidden unit computed once: `[D, n] -> [D, n], [n]`."""
        if z.shape[1] == 0:
            # TensorFlow's scatter refuses an empty batch.
            return z, tf.zeros_like(z[0])

        def solve(z_i, parameters, index):
            mask = self._is_circle
            mask = None if mask is None else tf.gather(mask, index)
            return self._map.forward(z_i, parameters, mask)

        return self._network.solve(z, solve)


class AffineAutoregressive(Autoregressive):
    """Shift and bounded log-scale of each coordinate given the ones before it.

    Args:
        network: Masked network with two parameters a coordinate.
        max_log_scale: Bound on each layer's `|log_scale|`.
    """

    def __init__(self, network: MaskedNetwork, *, max_log_scale: float) -> None:
        super().__init__(network, AffineMap(max_log_scale))


def stack_autoregressive(
    scalar_map: ScalarMap,
    *,
    sizes: Sizes,
    is_circle: np.ndarray,
    seed: Any,
    wrap: Callable[[Layer], Layer] = lambda layer: layer,
) -> list[Layer]:
    """Return layers with the order of the coordinates reversed between them.

    The layer nearest the data sees coordinates in their own order, and `z_i` belongs to
    coordinate `i` whatever the number of layers.

    Args:
        scalar_map: Moves one coordinate given its parameters.
        sizes: Number of layers, widths and float type of their networks.
        is_circle: Mask of the circle coordinates `[D]`.
        seed: Seed of the initial weights.
        wrap: Applied to each layer, such as `Inverted`.
    """
    layers: list[Layer] = []
    for index in reversed(range(sizes.num_layers)):
        mask = is_circle[:: -1 if index % 2 else 1]
        network = MaskedNetwork(
            len(mask),
            num_params=scalar_map.num_params,
            hidden_units=sizes.hidden_units,
            seed=fold_in(seed, "layer", index),
            is_circle=mask,
            dtype=sizes.dtype,
        )
        layers += [wrap(Autoregressive(network, scalar_map, is_circle=mask)), Reverse()]
    # The last reversal, on the data side, would only relabel the coordinates.
    layers = layers[:-1]
    return layers if sizes.num_layers % 2 else [Reverse(), *layers]
