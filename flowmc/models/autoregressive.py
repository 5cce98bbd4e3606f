"""Affine autoregressive layer, exact and fast in both directions.

density:  z_i = (x_i - shift_i(x_<i)) exp(-log_scale_i(x_<i))     one pass
draw:     x_i = shift_i(x_<i) + exp(log_scale_i(x_<i)) z_i        one incremental pass
"""

__all__ = ["AffineAutoregressive"]

from typing import Any

import tensorflow as tf

from flowmc.models.networks import MaskedNetwork


class AffineAutoregressive(tf.Module):
    """Shift and bounded log-scale of each coordinate given the ones before it.

    Args:
        network: Masked network with two parameters a coordinate.
        max_log_scale: Bound on each layer's `|log_scale|`; keeps `exp` finite while a
            flow trained on the fly is still wrong.
    """

    def __init__(self, network: MaskedNetwork, *, max_log_scale: float) -> None:
        super().__init__(name="affine_autoregressive")
        self._network = network
        self._bound = max_log_scale

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map data to base in one pass: `[D, n] -> [D, n], [n]`."""
        shift, log_scale = self._shift_and_log_scale(self._network(x))
        z = (x - shift) * tf.exp(-log_scale)
        return z, -tf.reduce_sum(log_scale, axis=0)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base to data, each hidden unit computed once: `[D, n] -> [D, n], [n]`."""

        def solve(z_i, parameters):
            shift, log_scale = self._shift_and_log_scale(parameters)
            return shift + tf.exp(log_scale) * z_i, log_scale

        return self._network.solve(z, solve)

    def _shift_and_log_scale(self, parameters: Any) -> tuple[tf.Tensor, tf.Tensor]:
        shift, raw = parameters[0], parameters[1]
        return shift, self._bound * tf.tanh(raw / self._bound)
