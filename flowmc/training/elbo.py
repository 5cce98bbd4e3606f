"""ELBO: train a VAE by the lower bound on the likelihood of the draws.

    loss = -mean( weight * (reconstruction - beta * KL(r(z | x), p(z))) )

`beta` rises to 1 over the first steps: were the KL paid in full from the start, the
encoder could learn to say nothing before the decoder has learned to listen.  It starts
at a half, for a KL that costs nothing teaches codes without any noise.  The held-out
loss is the bound itself, beta = 1.

Reference: Kingma and Welling (2014), arXiv:1312.6114; for the warm-up, Sonderby et al.
(2016), arXiv:1602.02282.
"""

__all__ = ["FIRST_SHARE", "WARM_UP_STEPS", "elbo"]

from typing import Any

import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, Seed
from flowmc.training.needs import needs

FIRST_SHARE = 0.5
WARM_UP_STEPS = 200


@LOSSES.register("elbo")
@needs("draws", model="latent", annealed=True)
def elbo(model: Any, batch: Batch, *, seed: Seed, step: Array | None = None) -> Array:
    """Return the weighted negative bound; with `step`, its KL warmed up."""
    terms = model.elbo(batch.x, seed=seed)
    bound = terms.bound
    if step is not None:
        done = tf.minimum(tf.cast(step, tf.float64) / WARM_UP_STEPS, 1.0)
        beta = FIRST_SHARE + (1.0 - FIRST_SHARE) * done
        bound = terms.reconstruction - beta * terms.kl
    return -tf.reduce_mean(batch.weight * bound)
