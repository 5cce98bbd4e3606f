"""Encoder of a VAE: a Gaussian r(z | x), or inverse autoregressive layers on top of it.

    z = A_L(T_L( ... A_1(T_1(A_0(e)))),    e ~ N(0, I)

The A are diagonal affine maps whose parameters a network reads off x; the T are IAF
layers in the codes alone.  Between two A that depend on x, their shape does too.
Codes drawn elsewhere are scored by the layers' incremental inverse.

Reference: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling (2016),
arXiv:1606.04934, where the networks of the layers see x themselves.
"""

__all__ = ["Encoder"]

from typing import Any

import tensorflow as tf

from flowmc.core.seeds import fold_in
from flowmc.models.autoregressive import AffineAutoregressive
from flowmc.models.bases import NormalBase
from flowmc.models.layers import Inverted, Layer
from flowmc.models.networks import MaskedNetwork
from flowmc.models.sizes import Sizes
from flowmc.models.vae_networks import ScaleNetwork, ShiftAndScale, in_columns


class Encoder(tf.Module):
    """Conditional density of codes `[..., K]` given whitened points `[..., D]`.

    Args:
        event_size: `D`.
        latent_size: `K`.
        num_layers: Inverse autoregressive layers; 0 for a Gaussian.
        sizes: Widths and float type of the networks.
        max_log_scale: Bound on how far each log-scale moves from where it starts.
        seed: Seed of the initial weights.

    Attributes:
        is_gaussian: Whether it has no layers.
    """

    def __init__(
        self,
        event_size: int,
        latent_size: int,
        *,
        num_layers: int,
        sizes: Sizes,
        max_log_scale: float,
        seed: Any,
    ) -> None:
        super().__init__(name="encoder")
        self.is_gaussian = num_layers == 0
        self._latent_size = latent_size
        self._noise = NormalBase(latent_size)
        self._network = ScaleNetwork(
            event_size,
            latent_size,
            num_maps=1 + num_layers,
            hidden_units=sizes.hidden_units,
            max_log_scale=max_log_scale,
            seed=fold_in(seed, "maps"),
            dtype=sizes.dtype,
        )
        self._layers: list[Layer] = [
            Inverted(
                AffineAutoregressive(
                    MaskedNetwork(
                        latent_size,
                        num_params=2,
                        hidden_units=sizes.hidden_units,
                        seed=fold_in(seed, "layer", index),
                        dtype=sizes.dtype,
                    ),
                    max_log_scale=max_log_scale,
                )
            )
            for index in range(num_layers)
        ]

    def maps(self, points: tf.Tensor) -> list[ShiftAndScale]:
        """Return the affine maps that `points` `[..., D]` ask for."""
        return self._network(points)

    def sample(
        self, points: tf.Tensor, *, num: int, seed: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw codes `[num, ..., K]` for points `[..., D]`, with log r `[num, ...]`."""
        shape = tf.concat([[num], tf.shape(points)[:-1], [self._latent_size]], axis=0)
        noise = tf.random.stateless_normal(shape, seed=seed, dtype=tf.float64)
        codes, log_det = self.forward(noise, self.maps(points))
        return codes, self._noise.log_prob(noise) - log_det

    def log_prob(self, codes: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
        """Score codes `[..., n, K]`, wherever they are from, given points `[n, D]`."""
        noise, log_det = self.inverse(codes, self.maps(points))
        return self._noise.log_prob(noise) + log_det

    def forward(
        self, noise: tf.Tensor, maps: list[ShiftAndScale]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map noise `[..., K]` to codes; return them and `log|det dz/de|`."""
        codes, log_det = maps[0].apply(noise)
        for layer, affine in zip(self._ordered(), maps[1:], strict=True):
            codes, layer_log_det = in_columns(layer.forward_and_log_det, codes)
            codes, affine_log_det = affine.apply(codes)
            log_det += layer_log_det + affine_log_det
        return codes, log_det

    def inverse(
        self, codes: tf.Tensor, maps: list[ShiftAndScale]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map codes `[..., K]` to noise; return it and `log|det de/dz|`."""
        log_det = tf.zeros([], tf.float64)
        pairs = list(zip(self._ordered(), maps[1:], strict=True))
        for layer, affine in reversed(pairs):
            codes, affine_log_det = affine.undo(codes)
            codes, layer_log_det = in_columns(layer.inverse_and_log_det, codes)
            log_det += layer_log_det + affine_log_det
        noise, last_log_det = maps[0].undo(codes)
        return noise, log_det + last_log_det

    def _ordered(self) -> list[Layer]:
        """Return the layers, every other one with the coordinates' order reversed."""
        return [
            _Reversed(layer) if index % 2 else layer
            for index, layer in enumerate(self._layers)
        ]


class _Reversed:
    """A layer that sees the coordinates in reverse order."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moved, log_det = self._layer.forward_and_log_det(tf.reverse(z, [0]))
        return tf.reverse(moved, [0]), log_det

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moved, log_det = self._layer.inverse_and_log_det(tf.reverse(x, [0]))
        return tf.reverse(moved, [0]), log_det
