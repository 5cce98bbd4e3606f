"""Base of every flow family: whitening, layers, base density, exact both ways.

    x = whitening(u),    u = layers(z),    z ~ base

A family supplies a list of layers; checks, dtypes, caching rules, flattening of batch
dimensions and the change of variables live here and nowhere else.  Inside, points are
features-first (`[D, n]`), which is what the networks' matrix products want.
"""

__all__ = ["Flow"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_event_size, check_matrix
from flowmc.core.errors import ModelError
from flowmc.core.seeds import as_seed
from flowmc.models.circles import Circles
from flowmc.models.described import Described
from flowmc.models.given_base import BaseOption, read_base
from flowmc.models.layers import Layer
from flowmc.models.mixed_base import make_flow_base
from flowmc.models.views import FlowBijector, flow_distribution
from flowmc.models.whitening import AffineWhitening

FLOAT = tf.float64


class Flow(Described):
    """A density on `R^D` that is also an exact map `x <-> z`.

    Circle coordinates, if any, live on [low, high) with the ends joined; the density is
    that on the box, points may come in any representative, and draws lie inside.
    Subclasses call `__init__` once with their layers and override nothing.

    Args:
        event_size: Number of parameters, `D`.
        layers: Maps `z -> u`, applied in this order.
        base: "normal", "student_t", or a Gaussian of the user's own (see `given_base`).
        options: Keyword arguments that rebuild the model, as plain JSON values.
        name: The family's registered name.
        circles: The circle coordinates; default none.
    """

    def __init__(
        self,
        event_size: int,
        *,
        layers: Sequence[Layer],
        base: BaseOption,
        options: Mapping[str, Any],
        name: str,
        circles: Circles | None = None,
    ) -> None:
        size = check_event_size(event_size)
        circles = circles or Circles((), event_size=size)
        kind, given = read_base(base, circles=circles)
        options = dict(options, base=kind if given is None else given.option)
        if circles:
            options["periodic"] = circles.entries
        super().__init__(size, options=options, name=name)
        self._circles = circles
        self._layers = list(layers)
        self._base = make_flow_base(kind, is_circle=circles.is_circle)
        self._whitening = AffineWhitening(self._circles)
        self._has_given_base = given is not None
        if given is not None:
            self._layers.insert(0, given.correlate())
            self._whitening.set(given.location, np.diag(given.scale))

    @property
    def base_kind(self) -> tuple[str, ...]:
        """Kinds of the coordinates of `z`, "normal" or "circle" (an angle, uniform)."""
        return tuple("circle" if c else "normal" for c in self._circles.is_circle)

    @property
    def base(self) -> Any:
        """The density of `z`, with `log_prob` and `sample`."""
        return self._base

    @property
    def has_given_base(self) -> bool:
        """Whether location and covariance were given; draws then leave them alone."""
        return self._has_given_base

    @property
    def periodic(self) -> tuple[tuple[int, float, float], ...]:
        """The circle coordinates of `x` as `(index, low, high)`."""
        return self._circles.entries

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
        x = self._whitening.forward(columns)
        return _from_columns(x, log_det + self._whitening.log_det, batch_shape)

    def inverse_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `x` `[..., D]` to `z`; return `z` and `log|det dz/dx|` `[...]`."""
        columns, batch_shape = self._to_columns(x)
        columns = self._whitening.inverse(columns)
        log_det = tf.zeros_like(columns[0])
        for layer in reversed(self._layers):
            columns, layer_log_det = layer.inverse_and_log_det(columns)
            log_det += layer_log_det
        return _from_columns(columns, log_det - self._whitening.log_det, batch_shape)

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density at `x`: `[..., D] -> [...]`, float64."""
        z, log_det = self.inverse_and_log_det(x)
        return self._base.log_prob(z) + log_det

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points with their log-densities, both from the same weights.

        Args:
            n: Number of draws (a Python int).
            seed: An integer, or a stateless int32 pair.

        Returns:
            Points `[n, D]` and log-densities `[n]`, float64.
        """
        z = self._base.sample(n, seed=as_seed(seed))
        x, log_det = self.forward_and_log_det(z)
        return x, self._base.log_prob(z) - log_det

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]

    def fit_whitening(self, draws: Any, *, weights: Any = None) -> str:
        """Set the affine layer from draws `[n, D]`; return a note, or "".

        A model with a base of the user's own (`has_given_base`) stays as it is.
        """
        x = check_matrix(draws, name="draws", event_size=self.event_size)
        return "" if self._has_given_base else self._whitening.fit(x, weights)

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Apply the affine layer alone, on the host: `[n, D] -> [n, D]`."""
        return tf.transpose(self._whitening.inverse(tf.transpose(x))).numpy()

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
