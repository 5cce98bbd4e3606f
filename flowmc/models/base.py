"""Base of every flow family: whitening, layers, base density, exact both ways.

    x = location + scale_tril u,    u = layers(z),    z ~ base

A family supplies a list of layers; checks, dtypes, caching rules, flattening of batch
dimensions and the change of variables live here and nowhere else.  Inside, points are
features-first (`[D, n]`), which is what the networks' matrix products want.
"""

__all__ = ["Flow"]

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.linalg import solve_triangular

from flowmc.core.checks import check_event_size, check_matrix
from flowmc.core.errors import ModelError
from flowmc.models.bases import make_base
from flowmc.models.layers import Layer
from flowmc.models.views import FlowBijector, flow_distribution
from flowmc.transforms.whitening import fit_affine

FLOAT = tf.float64


class Flow(tf.Module):
    """A density on `R^D` that is also an exact map `x <-> z`.

    Subclasses call `__init__` once with their layers and override nothing.

    Args:
        event_size: Number of parameters, `D`.
        layers: Maps `z -> u`, applied in this order.
        base: "normal" or "student_t".
        options: Keyword arguments that rebuild the model, as plain JSON values.
        name: The family's registered name.
    """

    def __init__(
        self,
        event_size: int,
        *,
        layers: Sequence[Layer],
        base: str,
        options: Mapping[str, Any],
        name: str,
    ) -> None:
        super().__init__(name=name)
        self.event_size = check_event_size(event_size)
        self._layers = list(layers)
        self._base = make_base(base, event_size=self.event_size)
        # As text: tf.Module would wrap lists and dicts in types of its own.
        self._options_json = json.dumps(dict(options, base=base), sort_keys=True)
        self._location = tf.Variable(
            np.zeros(event_size), trainable=False, dtype=FLOAT, name="location"
        )
        self._scale_tril = tf.Variable(
            np.eye(event_size), trainable=False, dtype=FLOAT, name="scale_tril"
        )
        # The inverse is kept too: one matrix product instead of a solve at each call.
        self._unscale_tril = tf.Variable(
            np.eye(event_size), trainable=False, dtype=FLOAT, name="unscale_tril"
        )

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of the family's own options."""
        skipped = ("self", "event_size", "seed")
        return [
            n for n in inspect.signature(cls.__init__).parameters if n not in skipped
        ]

    @property
    def description(self) -> dict[str, Any]:
        """Plain JSON values from which the untrained model can be built again."""
        return {
            "family": self.name,
            "event_size": self.event_size,
            "options": json.loads(self._options_json),
        }

    @property
    def bijector(self) -> FlowBijector:
        """The map `z -> x` as a TFP bijector that sees weight updates."""
        return FlowBijector(self)

    @property
    def distribution(self) -> Any:
        """The density as a TFP distribution."""
        return flow_distribution(self)

    def forward_and_log_det(self, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `z` `[..., D]` to `x`; return `x` and `log|det dx/dz|` `[...]`."""
        columns, batch_shape = self._to_columns(z)
        log_det = tf.zeros_like(columns[0])
        for layer in self._layers:
            columns, layer_log_det = layer.forward_and_log_det(columns)
            log_det += layer_log_det
        x = self._location[:, None] + self._scale_tril @ columns
        return _from_columns(x, log_det + self._affine_log_det(), batch_shape)

    def inverse_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `x` `[..., D]` to `z`; return `z` and `log|det dz/dx|` `[...]`."""
        columns, batch_shape = self._to_columns(x)
        columns = self._unscale_tril @ (columns - self._location[:, None])
        log_det = tf.zeros_like(columns[0])
        for layer in reversed(self._layers):
            columns, layer_log_det = layer.inverse_and_log_det(columns)
            log_det += layer_log_det
        return _from_columns(columns, log_det - self._affine_log_det(), batch_shape)

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density at `x`: `[..., D] -> [...]`, float64."""
        z, log_det = self.inverse_and_log_det(x)
        return self._base.log_prob(z) + log_det

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points with their log-densities, both from the same weights.

        Args:
            n: Number of draws (a Python int).
            seed: Stateless seed, an int32 pair.

        Returns:
            Points `[n, D]` and log-densities `[n]`, float64.
        """
        z = self._base.sample(n, seed=seed)
        x, log_det = self.forward_and_log_det(z)
        return x, self._base.log_prob(z) - log_det

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]

    def fit_whitening(self, draws: Any, *, weights: Any = None) -> str:
        """Set the affine layer from draws `[n, D]`; return a note, or ""."""
        x = check_matrix(draws, name="draws", event_size=self.event_size)
        location, scale_tril, note = fit_affine(x, weights)
        self._location.assign(location)
        self._scale_tril.assign(scale_tril)
        identity = np.eye(self.event_size)
        self._unscale_tril.assign(solve_triangular(scale_tril, identity, lower=True))
        return note

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Apply the affine layer alone, on the host: `[n, D] -> [n, D]`."""
        return (x - self._location.numpy()) @ self._unscale_tril.numpy().T

    def __repr__(self) -> str:
        settings = self.description["options"]
        options = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        size = sum(int(np.prod(v.shape)) for v in self.trainable_variables)
        return f"{self.name}(event_size={self.event_size}, {options}) [{size} weights]"

    def _affine_log_det(self) -> tf.Tensor:
        return tf.reduce_sum(tf.math.log(tf.linalg.diag_part(self._scale_tril)))

    def _to_columns(self, points: Any) -> tuple[tf.Tensor, tf.Tensor]:
        # A fresh tensor: TFP's caches go by tensor identity, blind to new weights.
        points = tf.identity(tf.convert_to_tensor(points, dtype=FLOAT))
        if points.shape[-1] != self.event_size:
            raise ModelError(
                f"Points must have last dimension {self.event_size}, the model's "
                f"`event_size`; got shape {points.shape}."
            )
        batch_shape = tf.shape(points)[:-1]
        return tf.transpose(tf.reshape(points, [-1, self.event_size])), batch_shape


def _from_columns(columns, log_det, batch_shape) -> tuple[tf.Tensor, tf.Tensor]:
    points = tf.transpose(columns)
    shape = tf.concat([batch_shape, [points.shape[-1]]], axis=0)
    return tf.reshape(points, shape), tf.reshape(log_det, batch_shape)
