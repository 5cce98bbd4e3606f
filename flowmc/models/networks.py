"""MADE: a masked network whose outputs for coordinate `i` see coordinates before `i`.

Hidden units are sorted by degree, the same number for each degree, so that the inverse
of an autoregressive layer needs every unit only once: at step `i` coordinate `i` is
solved for, and then exactly the units of degree `i + 1` can be computed.  The whole
inversion costs the arithmetic of one pass, where the usual fixed-point iteration runs
`D` passes.

Reference: Germain, Gregor, Murray and Larochelle (2015), arXiv:1502.03509.
"""

__all__ = ["MaskedNetwork"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in, generator

# Solves one coordinate: (known value [n], its parameters [P, n]) -> (value, log-det).
SolveCoordinate = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class MaskedNetwork(tf.Module):
    """Maps points `[D, n]` to `num_params` autoregressive parameters `[P, D, n]`.

    The last layer starts at zero, so every parameter starts at zero.

    Args:
        event_size: Number of coordinates, `D`.
        num_params: Parameters per coordinate, `P`.
        hidden_units: Widths wished for; each is rounded up to a multiple of `D - 1`.
        seed: Seed of the initial weights.
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
        dtype: str = "float64",
        name: str = "masked_network",
    ) -> None:
        super().__init__(name=name)
        self._event_size = event_size
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
        hidden = tf.cast(x, self._dtype)
        for weights, bias in zip(
            self._masked_weights()[:-1], self._biases, strict=False
        ):
            hidden = tf.tanh(weights @ hidden + bias[:, None])
        output = self._masked_weights()[-1] @ hidden + self._biases[-1][:, None]
        shape = [self._event_size, self._num_params, -1]
        return tf.transpose(tf.cast(tf.reshape(output, shape), x.dtype), [1, 0, 2])

    def solve(self, known: tf.Tensor, solve: SolveCoordinate) -> tuple:
        """Invert the layer coordinate by coordinate at the cost of one pass.

        Args:
            known: The layer's other side `[D, n]`.
            solve: Solves one coordinate given its parameters.

        Returns:
            The solution `[D, n]` and the summed log-determinant `[n]`.
        """
        weights = self._masked_weights()
        grouped = [
            self._by_group(w, b) for w, b in zip(weights, self._biases, strict=True)
        ]
        n = tf.shape(known)[1]

        def body(i, x, log_det, hidden):
            inputs = (tf.cast(x, self._dtype), *hidden)
            out_weights, out_bias = grouped[-1]
            parameters = _affine(out_weights, out_bias, i, inputs[-1])
            solved, step_log_det = solve(
                tf.gather(known, i), tf.cast(parameters, known.dtype)
            )
            x = _set_row(x, i, solved[None, :])
            hidden = self._next_units(i, x, hidden, grouped)
            return i + 1, x, log_det + step_log_det, hidden

        blank = tuple(
            tf.zeros([width * self._num_groups, n], self._dtype)
            for width in self._widths
        )
        _, x, log_det, _ = tf.while_loop(
            lambda i, *_: i < self._event_size,
            body,
            (0, tf.zeros_like(known), tf.zeros_like(known[0]), blank),
            maximum_iterations=self._event_size,
        )
        return x, log_det

    def _next_units(self, i, x, hidden, grouped) -> tuple:
        """Compute the units that coordinate `i` makes computable, layer by layer."""
        if not hidden:
            return hidden
        # The last coordinate unlocks no unit; recomputing the last group is harmless.
        group = tf.minimum(i, self._num_groups - 1)
        below = tf.cast(x, self._dtype)
        updated = []
        for width, values, (weights, bias) in zip(
            self._widths, hidden, grouped, strict=False
        ):
            units = tf.tanh(_affine(weights, bias, group, below))
            below = _set_rows(values, group * width, units)
            updated.append(below)
        return tuple(updated)

    def _by_group(self, weights: tf.Tensor, bias: tf.Tensor) -> tuple:
        """Cut a layer's rows by degree: `[groups, rows, in]`, `[groups, rows]`."""
        is_output = weights.shape[0] == self._event_size * self._num_params and (
            weights is not None and bias is self._biases[-1]
        )
        groups = self._event_size if is_output else self._num_groups
        rows = weights.shape[0] // groups
        return (
            tf.reshape(weights, [groups, rows, weights.shape[1]]),
            tf.reshape(bias, [groups, rows]),
        )

    def _masked_weights(self) -> list[tf.Tensor]:
        return [w * m for w, m in zip(self._weights, self._masks, strict=True)]

    def _build(self, seed: Any) -> None:
        random = generator(fold_in(seed, "masked_network"))
        inputs = np.arange(1, self._event_size + 1)
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


def _affine(weights: tf.Tensor, bias: tf.Tensor, group: Any, x: tf.Tensor) -> tf.Tensor:
    """Apply the rows of one group; gathered, for XLA takes no slice at a tensor."""
    return tf.gather(weights, group) @ x + tf.gather(bias, group)[:, None]


def _set_row(x: tf.Tensor, i: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(x, tf.reshape(i, [1, 1]), row)


def _set_rows(x: tf.Tensor, start: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    where = start + tf.range(rows.shape[0])
    return tf.tensor_scatter_nd_update(x, where[:, None], rows)
