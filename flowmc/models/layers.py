"""What a flow is stacked from: invertible layers on features-first points `[D, n]`."""

__all__ = ["Inverted", "Layer", "Reverse"]

from typing import Protocol

import tensorflow as tf


class Layer(Protocol):
    """An invertible map with both log-determinants."""

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `[D, n] -> [D, n]` toward the data; log-determinant `[n]`."""

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `[D, n] -> [D, n]` toward the base; log-determinant `[n]`."""


class Reverse(tf.Module):
    """Reverse the order of the coordinates, so that each layer conditions anew."""

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reverse; volume is kept."""
        return tf.reverse(z, axis=[0]), tf.zeros_like(z[0])

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reverse back."""
        return tf.reverse(x, axis=[0]), tf.zeros_like(x[0])


class Inverted(tf.Module):
    """A layer with its two directions exchanged.

    Args:
        layer: The layer to turn around.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__(name="inverted")
        self._layer = layer

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the data by the inner layer's way to the base."""
        return self._layer.inverse_and_log_det(z)

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the base by the inner layer's way to the data."""
        return self._layer.forward_and_log_det(x)
