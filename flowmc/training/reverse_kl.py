"""Reverse KL: pull the model onto the target without draws of it.

    loss = mean( log q(x) - log p(x) ),    x ~ q

Mode-seeking: a mode that the model has left costs nothing.  For one mode, or to finish
a fit by forward KL.  The gradient follows the path of the draws alone: the omitted term
is zero on average, and without it the noise vanishes where the model is right.

Reference: Roeder, Wu and Duvenaud (2017), arXiv:1703.09194.
"""

__all__ = ["reverse_kl"]

import tensorflow as tf

from flowmc.core.errors import TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, DensityModel, Seed
from flowmc.training.needs import needs


@LOSSES.register("reverse_kl")
@needs("target")
def reverse_kl(model: DensityModel, batch: Batch, *, seed: Seed) -> Array:
    """Return KL(q, p) up to the target's evidence, with its path gradient.

    Raises:
        TrainingError: The batch carries no target.
    """
    if batch.target_log_prob_fn is None:
        raise TrainingError("The loss `reverse_kl` needs `target`; got None.")
    x, _ = model.sample_and_log_prob(batch.x.shape[0], seed=seed)
    fixed = tf.stop_gradient(x)
    with tf.GradientTape() as tape:
        tape.watch(fixed)
        excess = model.log_prob(fixed) - batch.target_log_prob_fn(fixed)
    slope = tf.stop_gradient(tape.gradient(excess, fixed))
    value = tf.stop_gradient(tf.reduce_mean(excess))
    # Zero in value; its gradient moves the draws downhill, the density held fixed.
    size = tf.cast(tf.shape(x)[0], x.dtype)
    return value + tf.reduce_sum(slope * (x - fixed)) / size
