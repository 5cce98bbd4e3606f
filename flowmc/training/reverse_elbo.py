"""Reverse ELBO: pull a VAE onto the target without draws of it.

    loss = mean( log p(z) + log p(x | z) - log r(z | x) - log target(x) ),   z, x ~ p

It is KL(p(x, z), target(x) r(z | x)), which bounds KL(p(x), target) from above.
Mode-seeking, like `reverse_kl`: a mode that the model has left costs nothing.  The
gradient follows the path of the draws, so that its noise vanishes where all is right.

Reference: Ranganath, Tran and Blei (2016), arXiv:1511.02386; Roeder, Wu and Duvenaud
(2017), arXiv:1703.09194.
"""

__all__ = ["reverse_elbo"]

from typing import Any

import tensorflow as tf

from flowmc.core.errors import TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, Seed
from flowmc.training.needs import needs


@LOSSES.register("reverse_elbo")
@needs("target", model="latent")
def reverse_elbo(model: Any, batch: Batch, *, seed: Seed) -> Array:
    """Return the extended divergence up to the target's evidence.

    Raises:
        TrainingError: The batch carries no target.
    """
    if batch.target_log_prob_fn is None:
        raise TrainingError("The loss `reverse_elbo` needs `target`; got None.")
    num_codes = model.latent_size
    shape = [batch.x.shape[0], num_codes + model.event_size]
    noise = tf.random.stateless_normal(shape, seed=seed, dtype=tf.float64)
    z, _ = model.prior_forward_and_log_det(noise[:, :num_codes])
    x, _ = model.noise_to_x(noise[:, num_codes:], z)
    fixed_z, fixed_x = tf.stop_gradient(z), tf.stop_gradient(x)
    with tf.GradientTape() as tape:
        tape.watch([fixed_z, fixed_x])
        log_r = model.log_encoder(fixed_z, fixed_x)
        log_joint = model.log_prior(fixed_z) + model.log_decoder(fixed_x, fixed_z)
        excess = log_joint - log_r - batch.target_log_prob_fn(fixed_x)
    slope_z, slope_x = tape.gradient(excess, [fixed_z, fixed_x])
    # Zero in value: the draws move downhill, and the encoder learns where they are.
    path = tf.stop_gradient(slope_z) * (z - fixed_z)
    moves = tf.reduce_sum(path, axis=-1) - (log_r - tf.stop_gradient(log_r))
    moves += tf.reduce_sum(tf.stop_gradient(slope_x) * (x - fixed_x), axis=-1)
    return tf.reduce_mean(tf.stop_gradient(excess) + moves)
