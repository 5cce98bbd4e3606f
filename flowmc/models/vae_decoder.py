"""Decoder of a VAE: a diagonal Gaussian in whitened units whose scales depend on z.

    u = m(z) + s(z) e,    e ~ N(0, I)

The map from (z, e) to u is what latent walks and latent HMC move in; for fixed z it is
exactly affine in e.
"""

__all__ = ["Decoder"]

from typing import Any

import tensorflow as tf

from flowmc.models.bases import NormalBase
from flowmc.models.sizes import Sizes
from flowmc.models.vae_networks import ScaleNetwork, ShiftAndScale


class Decoder(tf.Module):
    """Conditional density of whitened points `[..., D]` given codes `[..., K]`.

    Args:
        event_size: `D`.
        latent_size: `K`.
        sizes: Widths and float type of the network.
        max_log_scale: Bound on how far each log-scale moves from where it starts.
        seed: Seed of the initial weights.
    """

    def __init__(
        self,
        event_size: int,
        latent_size: int,
        *,
        sizes: Sizes,
        max_log_scale: float,
        seed: Any,
    ) -> None:
        super().__init__(name="decoder")
        self._noise = NormalBase(event_size)
        self._network = ScaleNetwork(
            latent_size,
            event_size,
            hidden_units=sizes.hidden_units,
            max_log_scale=max_log_scale,
            seed=seed,
            dtype=sizes.dtype,
        )

    def map(self, codes: tf.Tensor) -> ShiftAndScale:
        """Return the affine map from noise to points that `codes` ask for."""
        return self._network(codes)[0]

    def log_prob(self, noise: tf.Tensor, log_det: tf.Tensor) -> tf.Tensor:
        """Return the density of points from their noise and `log|det de/dx|`."""
        return self._noise.log_prob(noise) + log_det
