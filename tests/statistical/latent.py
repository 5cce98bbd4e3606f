"""VAEs on the skewed target that are bad on purpose, and the classic mistakes."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc import kernels, models
from flowmc.kernels.latent_proposal import LatentProposal
from flowmc.models.heavy_tails import HeavyTails
from tests.statistical.invariance import TARGET


def vae(
    *,
    event_size: int = 2,
    seed: int = 3,
    strength: float = 0.25,
    draws: Any = None,
    **options: Any,
) -> Any:
    """Return a VAE with perturbed weights; every part of it is wrong."""
    options = {"latent_size": 2, "hidden_units": [8], **options}
    model = models.make("vae", event_size=event_size, seed=seed, **options)
    model.fit_whitening(TARGET.sample(500, seed=seed) if draws is None else draws)
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return model


def tails() -> HeavyTails:
    """Return heavy tails around the target."""
    density = HeavyTails(2)
    density.fit_tails(TARGET.sample(500, seed=3))
    return density


def latent(name: str, model: Any = None, **options: Any) -> Any:
    """Return the kernel `name` on the skewed target."""
    return kernels.make(
        name,
        target_log_prob_fn=TARGET.graph_fn,
        model=vae() if model is None else model,
        **options,
    )


class ElboAsLogQ(LatentProposal):
    """Takes the evidence lower bound for the density."""

    def log_density(self, drawn, *, seed):
        z, log_r = self.model.sample_encoder(drawn.x, seed=seed, num=self._num)
        log_joint = self.model.log_prior(z) + self.model.log_decoder(drawn.x, z)
        return tf.reduce_mean(log_joint - log_r, axis=0)


class EstimateAsLogQ(LatentProposal):
    """Takes an estimate by codes of the encoder for the density, at both ends."""

    def log_density(self, drawn, *, seed):
        alone = drawn._replace(is_coded=tf.zeros_like(drawn.is_coded))
        return super().log_density(alone, seed=seed)
