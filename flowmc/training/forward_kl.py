"""Forward KL: maximum likelihood on draws, weighted where they carry weights.

    loss = -mean( weight * log q(x) ),    x ~ target,    mean weight 1

Mode-covering: a mode that is in the draws is paid for if the model leaves it out.
"""

__all__ = ["forward_kl"]

import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, DensityModel, Seed


@LOSSES.register("forward_kl")
def forward_kl(model: DensityModel, batch: Batch, *, seed: Seed) -> Array:
    """Return the weighted negative mean log-density of the batch."""
    return -tf.reduce_mean(batch.weight * model.log_prob(batch.x))
