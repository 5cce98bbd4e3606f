"""Fisher divergence: match the slope of the log-density where the draws are.

    loss = mean( weight * |L^T (grad log q(x) - grad log p(x))|^2 ),    x ~ target

`L` is the triangular scale of the draws, so that the units are whitened.  A gradient
says D numbers about each draw, where a draw itself says one; hence few draws suffice.
It does not see how much mass each of two separate modes has.

Reference: Hyvarinen (2005), Journal of Machine Learning Research 6, 695.
"""

__all__ = ["fisher"]

import tensorflow as tf

from flowmc.core.errors import TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import Array, Batch, DensityModel, Seed
from flowmc.training.needs import needs


@LOSSES.register("fisher")
@needs("gradient")
def fisher(model: DensityModel, batch: Batch, *, seed: Seed) -> Array:
    """Return the weighted mean squared difference of the two scores.

    Raises:
        TrainingError: The batch carries no gradients.
    """
    if batch.gradient is None or batch.scale_tril is None:
        raise TrainingError(
            "The loss `fisher` needs `gradients` [n, D] of the target; got None."
        )
    x = tf.identity(batch.x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_prob = model.log_prob(x)
    difference = (tape.gradient(log_prob, x) - batch.gradient) @ batch.scale_tril
    squares = tf.reduce_sum(tf.square(difference), axis=-1)
    return tf.reduce_mean(batch.weight * squares)
