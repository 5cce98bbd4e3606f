"""MADE: a masked network whose outputs for coordinate `i` see coordinates before `i`.

Hidden units are sorted by degree, the same number for each degree, so that the inverse
of an autoregressive layer needs every unit only once: at step `i` coordinate `i` is
solved for, and then exactly the units of degree `i + 1` can be computed.  The whole
inversion costs the arithmetic of one pass, where the usual fixed-point iteration runs
`D` passes.

Reference: Germain, Gregor, Murray and Larochelle (2015), arXiv:1502.03509.
"""

__all__ = ["MaskedNetwork"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in, generator
from flowmc.models.features import CircleFeatures
from flowmc.models.inversion import SolveCoordinate, invert


class MaskedNetwork(tf.Module):
    """Maps points `[D, n]` to `num_params` autoregressive parameters `[P, D, n]`.

    The last layer starts at zero, so every parameter starts at zero.

    Args:
        event_size: Number of coordinates, `D`.
        num_params: Parameters per coordinate, `P`.
        hidden_units: Widths wished for; each is rounded up to a multiple of `D - 1`.
        seed: Seed of the initial weights.
        is_circle: Which coordinates are angles, seen as sine and cosine; default none.
        dtype: Float type of the weights and of the matrix products.
        name: Name scope of the variables.
    """

    def __init__(
        self,
        event_size: int,
        *,
        num_params: int,
        hidden_units: Sequence[int],
        seed: Any,
        is_circle: Sequence[bool] | np.ndarray | None = None,
        dtype: str = "float64",
        name: str = "masked_network",
    ) -> None:
        super().__init__(name=name)
        self._event_size = event_size
        self._features = CircleFeatures(
            [False] * event_size if is_circle is None else is_circle
        )
        self._num_params = num_params
        self._dtype = tf.as_dtype(dtype)
        # One group of units for each degree 1..D-1; none when nothing can be seen.
        self._num_groups = event_size - 1
        self._widths = [-(-units // max(1, self._num_groups)) for units in hidden_units]
        if self._num_groups == 0:
            self._widths = []
        self._weights: list[tf.Variable] = []
        self._biases: list[tf.Variable] = []
        self._masks: list[tf.Tensor] = []
        self._build(seed)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return all parameters in one pass: `[D, n] -> [P, D, n]`, float64."""
        *inner, last = self._masked_weights()
        hidden = self._encode(x)
        for weights, bias in zip(inner, self._biases, strict=False):
            hidden = tf.tanh(weights @ hidden + bias[:, None])
        # Rows are sorted by coordinate; sorting the weights by parameter instead is
        # cheaper than transposing all outputs.
        last = tf.reshape(self._by_parameter(last), [-1, last.shape[1]])
        output = last @ hidden + tf.reshape(
            self._by_parameter(self._biases[-1]), [-1, 1]
        )
        shape = [self._num_params, self._event_size, -1]
        return tf.cast(tf.reshape(output, shape), x.dtype)

    def solve(self, known: tf.Tensor, solve: SolveCoordinate) -> tuple:
        """Invert the layer coordinate by coordinate at the cost of one pass.

        Args:
            known: The layer's other side `[D, n]`.
            solve: Solves one coordinate given its parameters.

        Returns:
            The solution `[D, n]` and the summed log-determinant `[n]`.
        """
        # The owners past D are the angles, whose cosines they are.
        is_circle = np.isin(
            np.arange(self._event_size), self._features.owners[self._event_size :]
        )
        return invert(
            self._masked_weights(),
            self._biases,
            known,
            solve,
            is_circle=is_circle,
        )

    def _encode(self, x: tf.Tensor) -> tf.Tensor:
        """Turn points into what the first layer sees: `[D, n] -> [F, n]`."""
        return tf.cast(self._features(x), self._dtype)

    def _by_parameter(self, rows: tf.Tensor) -> tf.Tensor:
        """Sort rows of the last layer by parameter: `[D P, ...] -> [P, D, ...]`."""
        rest = list(rows.shape[1:])
        by_coordinate = [self._event_size, self._num_params, *rest]
        order = [1, 0, *range(2, 2 + len(rest))]
        return tf.transpose(tf.reshape(rows, by_coordinate), order)

    def _masked_weights(self) -> list[tf.Tensor]:
        return [w * m for w, m in zip(self._weights, self._masks, strict=True)]

    def _build(self, seed: Any) -> None:
        random = generator(fold_in(seed, "masked_network"))
        # Degrees of the inputs: every feature has that of its coordinate.
        inputs = self._features.owners + 1
        for width in self._widths:
            units = np.repeat(np.arange(1, self._num_groups + 1), width)
            self._add_layer(units[:, None] >= inputs[None, :], random, scale=1.0)
            inputs = units
        outputs = np.repeat(np.arange(1, self._event_size + 1), self._num_params)
        self._add_layer(outputs[:, None] > inputs[None, :], random, scale=0.0)

    def _add_layer(self, mask: np.ndarray, random, *, scale: float) -> None:
        fan_in = np.maximum(mask.sum(axis=1, keepdims=True), 1)
        weights = scale * random.normal(size=mask.shape) / np.sqrt(fan_in)
        dtype = self._dtype.as_numpy_dtype
        index = len(self._weights)
        self._weights.append(tf.Variable(weights.astype(dtype), name=f"weights{index}"))
        bias = np.zeros(mask.shape[0], dtype)
        self._biases.append(tf.Variable(bias, name=f"bias{index}"))
        self._masks.append(tf.constant(mask.astype(dtype)))
