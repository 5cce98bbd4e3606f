"""Latent-variable models where the sampler otherwise has densities.

A VAE has no density to be defended or judged by.  Its proposals bring the heavy-tailed
parts in by themselves; the gate judges its bound, and the map of points to noise.
"""

__all__ = ["is_latent", "make_proposal", "make_view"]

from typing import Any

import tensorflow as tf

from flowmc import models
from flowmc.core.types import LatentModel
from flowmc.models.heavy_tails import HeavyTails


def is_latent(model: Any) -> bool:
    """Whether `model` is a latent-variable model, without a density."""
    return isinstance(model, LatentModel)


def make_proposal(model: Any, *, weight: float) -> Any:
    """Return the defensive mixture of a density; of a VAE the heavy tails alone."""
    if is_latent(model):
        return HeavyTails(model.event_size)
    return models.defensive(model, weight=weight)


def make_view(model: Any, *, seed: Any) -> Any:
    """Return the model as the gate looks at it."""
    return _LatentView(model, seed=seed) if is_latent(model) else model


class _LatentView:
    """A VAE as a map of points to codes and noise and back, with a bound for log q."""

    def __init__(self, model: Any, *, seed: Any) -> None:
        self._model = model
        self._seed = seed
        self.event_size = model.event_size

    def log_prob(self, x: Any) -> tf.Tensor:
        return self._model.iwae_bound(x, seed=self._seed)

    def inverse_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        z, _ = self._model.sample_encoder(x, seed=self._seed)
        e, log_det = self._model.x_to_noise(x, z[0])
        return tf.concat([z[0], e], axis=-1), log_det

    def forward_and_log_det(self, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        codes, noise = tf.split(z, [self._model.latent_size, self.event_size], axis=-1)
        return self._model.noise_to_x(noise, codes)
