"""Base density of models with circle coordinates: uniform there, normal or t elsewhere.

The t is multivariate on the ordinary coordinates together.
"""

__all__ = ["MixedBase", "make_flow_base"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import split
from flowmc.models.bases import NormalBase, StudentTBase, make_base


class MixedBase:
    """Product of a uniform density on angles and `base` on the other coordinates.

    Args:
        base: Density of the ordinary coordinates, None where there are none.
        is_circle: Mask `[D]`.
    """

    def __init__(
        self, base: NormalBase | StudentTBase | None, *, is_circle: np.ndarray
    ) -> None:
        self._base = base
        self._normal = np.flatnonzero(~is_circle).astype(np.int32)
        self._num_circles = int(is_circle.sum())
        # Where each coordinate stands once ordinary ones are put before circles.
        columns = np.concatenate([self._normal, np.flatnonzero(is_circle)])
        self._order = np.argsort(columns).astype(np.int32)

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`; angles in any representative."""
        angles = tf.zeros_like(z[..., 0]) - self._num_circles * math.log(2.0 * math.pi)
        if self._base is None:
            return angles
        return angles + self._base.log_prob(tf.gather(z, self._normal, axis=-1))

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `[n, D]`, angles in [-pi, pi)."""
        base_seed, angle_seed = split(seed, n=2)
        uniform = tf.random.stateless_uniform(
            [n, self._num_circles], angle_seed, dtype=tf.float64
        )
        angles = math.pi * (2.0 * uniform - 1.0)
        if self._base is None:
            return angles
        normal = self._base.sample(n, seed=base_seed)
        return tf.gather(tf.concat([normal, angles], axis=-1), self._order, axis=-1)


def make_flow_base(
    name: str, *, is_circle: np.ndarray
) -> NormalBase | StudentTBase | MixedBase:
    """Build the base density `name` for coordinates of both kinds."""
    num_normal = int((~is_circle).sum())
    base = make_base(name, event_size=max(1, num_normal))
    if num_normal == len(is_circle):
        return base
    return MixedBase(base if num_normal else None, is_circle=is_circle)
