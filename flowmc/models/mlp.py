"""Conditioner of coupling layers: a plain multi-layer perceptron, features first.

Its activation is smooth and bounded, so that gradients of the density are continuous
and a point far out moves no parameter without limit.
"""

__all__ = ["ConditionerNetwork"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in, generator
from flowmc.models.features import CircleFeatures


class ConditionerNetwork(tf.Module):
    """Maps seen coordinates `[C, n]` to parameters `[P, M, n]` of the moved ones.

    The last layer starts at zero, so every parameter starts at zero.

    Args:
        is_circle: Which of the C seen coordinates are angles.
        num_outputs: Number of moved coordinates, `M`.
        num_params: Parameters a moved coordinate, `P`.
        hidden_units: Width of each hidden layer.
        seed: Seed of the initial weights.
        dtype: Float type of the weights and of the matrix products.
    """

    def __init__(
        self,
        is_circle: Sequence[bool] | np.ndarray,
        *,
        num_outputs: int,
        num_params: int,
        hidden_units: Sequence[int],
        seed: Any,
        dtype: str = "float64",
    ) -> None:
        super().__init__(name="conditioner_network")
        self._features = CircleFeatures(is_circle)
        self._shape = [num_params, num_outputs, -1]
        self._dtype = tf.as_dtype(dtype)
        self._weights: list[tf.Variable] = []
        self._biases: list[tf.Variable] = []
        random = generator(fold_in(seed, "conditioner_network"))
        sizes = [len(self._features.owners), *hidden_units]
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
            draws = random.normal(size=(fan_out, fan_in))
            self._add_layer(draws / np.sqrt(fan_in))
        self._add_layer(np.zeros((num_params * num_outputs, sizes[-1])))

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return the parameters: `[C, n] -> [P, M, n]`, in the type of `x`."""
        hidden = tf.cast(self._features(x), self._dtype)
        last = len(self._weights) - 1
        for index, (weights, bias) in enumerate(
            zip(self._weights, self._biases, strict=True)
        ):
            hidden = weights @ hidden + bias[:, None]
            if index < last:
                hidden = tf.tanh(hidden)
        return tf.cast(tf.reshape(hidden, self._shape), x.dtype)

    def _add_layer(self, weights: np.ndarray) -> None:
        dtype, index = self._dtype.as_numpy_dtype, len(self._weights)
        bias = np.zeros(len(weights), dtype)
        self._weights.append(tf.Variable(weights.astype(dtype), name=f"weights{index}"))
        self._biases.append(tf.Variable(bias, name=f"bias{index}"))
