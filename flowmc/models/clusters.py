"""Normal laws side by side: what the affine map is for draws in several heaps.

    q(x) = sum_k share_k N(x; location_k, scale_tril_k scale_tril_k')

A part of each law may be a wider copy of it: the tails of a narrow mode are its own
affair, and weights pi/q grow without bound where a normal law ends before the mode does
(Hesterberg 1995, Technometrics 37(2), 185).

Fitted in closed form, without a network: where modes are roughly normal nothing
proposes better.  With a single heap of draws it is the affine map itself.  Room for the
laws is fixed, so that compiled code need not be compiled anew for each fit.
"""

__all__ = ["MOST_LAWS", "NormalClusters", "most_laws"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_event_size
from flowmc.core.seeds import as_seed, split
from flowmc.models.widened import width_for
from flowmc.transforms.normal_mixture import NormalMixture, fit_normal_mixture

MOST_LAWS, ROOM = 32, 512  # laws at all, and laws times dimensions
NO_SHARE = -1e30  # logarithm of the share of an empty place


def most_laws(event_size: int) -> int:
    """Return how many laws there is room for: fewer in more dimensions."""
    affordable = max(1, ROOM // event_size)
    return int(np.clip(2 ** int(math.log2(affordable)), 2, MOST_LAWS))


class NormalClusters(tf.Module):
    """A mixture of normal laws, as an exact density; one standard law until fitted.

    Args:
        event_size: Number of parameters, `D`.
        most: Largest number of laws, if `most_laws(D)` is not smaller.
        wide_share: Part of each law that is its wider copy; 0 for none.
    """

    def __init__(
        self, event_size: int, *, most: int = MOST_LAWS, wide_share: float = 0.0
    ) -> None:
        super().__init__(name="clusters")
        self._wide_share = float(wide_share)
        self._width = width_for(event_size)
        self.event_size = check_event_size(event_size)
        room, size = min(most, most_laws(event_size)), event_size
        share = np.where(np.arange(room) == 0, 0.0, NO_SHARE)
        units = np.tile(np.eye(size), [room, 1, 1])
        self._log_share = tf.Variable(share, trainable=False, name="log_share")
        self._location = tf.Variable(
            np.zeros([room, size]), trainable=False, name="location"
        )
        self._scale_tril = tf.Variable(units, trainable=False, name="scale_tril")
        self._inverse = tf.Variable(units, trainable=False, name="inverse")

    @property
    def room(self) -> int:
        """How many laws there is room for."""
        return int(self._log_share.shape[0])

    @property
    def num_laws(self) -> int:
        """How many laws have a share."""
        return int(np.sum(self._log_share.numpy() > 0.5 * NO_SHARE))

    @property
    def mixture(self) -> NormalMixture:
        """The laws with a share, as arrays."""
        count = self.num_laws
        return NormalMixture(
            np.exp(self._log_share.numpy()[:count]),
            self._location.numpy()[:count],
            self._scale_tril.numpy()[:count],
        )

    def fit(self, draws: np.ndarray, *, random: Any, **options: Any) -> None:
        """Fit to draws `[n, D]`, going on from the present laws.

        Args:
            draws: Finite rows.
            random: A NumPy generator.
            **options: Of `fit_normal_mixture`.
        """
        self.set(
            fit_normal_mixture(
                draws, most=self.room, random=random, former=self.mixture, **options
            )
        )

    def set(self, mixture: NormalMixture) -> None:
        """Take laws as given; compiled code sees them."""
        count, size = mixture.location.shape
        room = self.room
        share = np.full(room, NO_SHARE)
        share[:count] = np.log(mixture.share)
        location = np.tile(mixture.location[0], [room, 1])
        location[:count] = mixture.location
        scale_tril = np.tile(mixture.scale_tril[0], [room, 1, 1])
        scale_tril[:count] = mixture.scale_tril
        self._log_share.assign(share)
        self._location.assign(location)
        self._scale_tril.assign(scale_tril)
        self._inverse.assign(np.linalg.inv(scale_tril))

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`, float64."""
        x = tf.identity(tf.convert_to_tensor(x, dtype=tf.float64))
        z = tf.einsum(
            "kij,...kj->...ki", self._inverse, x[..., None, :] - self._location
        )
        distance = tf.reduce_sum(tf.square(z), axis=-1)
        diagonal = tf.linalg.diag_part(self._scale_tril)
        log_det = tf.reduce_sum(tf.math.log(diagonal), axis=-1)
        log_norm = 0.5 * self.event_size * math.log(2.0 * math.pi)
        terms = self._log_share - log_det - log_norm + self._radial(distance)
        return tf.reduce_logsumexp(terms, axis=-1)

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points `[n, D]` with their log-densities `[n]`."""
        choice_seed, normal_seed, *rest = split(
            as_seed(seed), n=3 if self._wide_share else 2
        )
        normal = tf.random.stateless_normal(
            [n, self.event_size], normal_seed, dtype=tf.float64
        )
        uniform = tf.random.stateless_uniform([n], choice_seed, dtype=tf.float64)
        edges = tf.cumsum(tf.exp(self._log_share))
        below = tf.cast(uniform[:, None] >= edges[:-1], tf.int32)
        law = tf.one_hot(
            tf.reduce_sum(below, axis=-1), edges.shape[0], dtype=tf.float64
        )
        normal = self._widened(normal, seed=rest)
        # All laws' points, one of which is kept: compiled code does not like to gather.
        each = tf.einsum("kij,nj->nki", self._scale_tril, normal) + self._location
        x = tf.einsum("nk,nki->ni", law, each)
        return x, self.log_prob(x)

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]

    def _radial(self, distance: tf.Tensor) -> tf.Tensor:
        """Return the log-density at squared distances, in units of a law's scale."""
        log_normal = -0.5 * distance
        if not self._wide_share:
            return log_normal
        share, width = self._wide_share, self._width
        own = math.log1p(-share) + log_normal
        shift = math.log(share) - self.event_size * math.log(width)
        wide = shift + log_normal / width**2
        return tf.reduce_logsumexp(tf.stack([own, wide]), axis=0)

    def _widened(self, normal: tf.Tensor, *, seed: list[Any]) -> tf.Tensor:
        """Turn standard normal rows into draws of a law and its wider copy."""
        if not self._wide_share:
            return normal
        (wide_seed,) = seed
        uniform = tf.random.stateless_uniform(
            normal.shape[:1], wide_seed, dtype=tf.float64
        )
        is_wide = uniform < self._wide_share
        return tf.where(is_wide[:, None], self._width * normal, normal)
