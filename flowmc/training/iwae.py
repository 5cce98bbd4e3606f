"""IWAE: train a VAE by the importance-weighted bound, with the better gradient.

    loss = -mean( weight * log (1/K) sum_j w_j ),    z_j ~ r(. | x)

Its plain gradient tells the encoder less the larger K is.  The doubly reparameterized
one is as right on average, and its noise vanishes where the encoder is exact: with
v_j = w_j / sum w, decoder and prior get sum_j v_j grad log p(x, z_j), the encoder
sum_j v_j^2 (d log w_j / d z_j) grad z_j.

Reference: Burda, Grosse and Salakhutdinov (2016), arXiv:1509.00519; Tucker, Lawson, Gu
and Maddison (2019), arXiv:1810.04152.
"""

__all__ = ["iwae"]

import math
from typing import Any

import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, Seed
from flowmc.training.needs import needs


@LOSSES.register("iwae")
@needs("draws", model="latent")
def iwae(model: Any, batch: Batch, *, seed: Seed) -> Array:
    """Return the weighted negative bound with `model.num_importance` codes a point."""
    x, num = batch.x, model.num_importance
    z, _ = model.sample_encoder(x, seed=seed, num=num)
    fixed = tf.stop_gradient(z)
    with tf.GradientTape() as tape:
        tape.watch(fixed)
        log_joint = model.log_prior(fixed) + model.log_decoder(x, fixed)
        log_weights = log_joint - model.log_encoder(fixed, x)
    slopes = tf.stop_gradient(tape.gradient(log_weights, fixed))
    log_weights = tf.stop_gradient(log_weights)
    share = tf.nn.softmax(log_weights, axis=0)
    bound = tf.reduce_logsumexp(log_weights, axis=0) - math.log(num)
    # Both terms are zero in value; they carry the gradients.
    model_term = tf.reduce_sum(share * (log_joint - tf.stop_gradient(log_joint)), 0)
    path = tf.reduce_sum(slopes * (z - fixed), axis=-1)
    encoder_term = tf.reduce_sum(tf.square(share) * path, axis=0)
    return -tf.reduce_mean(batch.weight * (bound + model_term + encoder_term))
