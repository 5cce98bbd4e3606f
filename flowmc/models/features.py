"""What a conditioner sees of a point: coordinates, and sine and cosine of angles.

A network fed with an angle itself would jump at the cut; sine and cosine do not.
"""

__all__ = ["CircleFeatures"]

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class CircleFeatures:
    """Maps points `[D, n]` to features `[F, n]`, F = D + number of angles.

    Row `i < D` is coordinate `i`, or its sine if it is an angle; the cosines follow.

    Args:
        is_circle: Which of the D coordinates are angles, in radians.

    Attributes:
        owners: Index `[F]` of the coordinate behind each feature.
    """

    def __init__(self, is_circle: Sequence[bool] | np.ndarray) -> None:
        mask = np.asarray(is_circle, dtype=bool)
        circles = np.flatnonzero(mask)
        self.owners = np.concatenate([np.arange(len(mask)), circles])
        self._circles = circles.astype(np.int32)
        self._mask = mask[:, None]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return the features of `x`: `[D, n] -> [F, n]`."""
        if not len(self._circles):
            return x
        if self._mask.all():
            return tf.concat([tf.sin(x), tf.cos(x)], axis=0)
        cosines = tf.cos(tf.gather(x, self._circles))
        # Both branches of `where` are finite for finite x, and so are their gradients.
        return tf.concat([tf.where(self._mask, tf.sin(x), x), cosines], axis=0)
