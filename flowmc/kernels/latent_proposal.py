"""Draws of a latent-variable model with the density they have on the joint space.

    qhat(x, z) = (1/K) sum_j p(z_j) p(x | z_j) / r(z_j | x)

A draw comes with K codes: the one that it was made from, and K - 1 of r(. | x).  On
points and codes together its density is `qhat prod_j r(z_j | x)`, so that against the
target `pi(x) prod_j r(z_j | x)` the encoders cancel and qhat takes the place of log q:
exactly, for every K.  It does so only with these very codes.  With probability w a draw
is of another density t instead, all codes of r(. | x): `(1 - w) qhat + w t` then.

Reference: Burda, Grosse and Salakhutdinov (2016), arXiv:1509.00519 (qhat); Andrieu and
Roberts (2009), doi:10.1214/07-AOS574 (estimates in the place of densities).
"""

__all__ = ["Drawn", "LatentProposal"]

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_fraction, check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import split
from flowmc.core.types import Array, DensityModel, Seed
from flowmc.kernels.latent_support import CodedModel


class Drawn(NamedTuple):
    """Points and the codes that they were made from."""

    x: Array  # [n, D]
    z: Array  # [n, L]
    is_coded: Array  # [n], bool; False for draws of t, whose code is no code of theirs

    def and_points(self, x: Array) -> "Drawn":
        """Append points `[m, D]` that have no codes of their own."""
        num, rows = x.shape[0], [x.shape[0], self.z.shape[-1]]
        return Drawn(
            tf.concat([self.x, x], axis=0),
            tf.concat([self.z, tf.zeros(rows, tf.float64)], axis=0),
            tf.concat([self.is_coded, tf.zeros([num], tf.bool)], axis=0),
        )


class LatentProposal:
    """Draws points, and scores points by codes that it draws.

    Args:
        model: A latent-variable model.
        num_importance: Codes a point, `K`.
        defensive: The density t, or None for none.
        defensive_weight: Its share `w`.

    Raises:
        ConfigurationError: A setting is out of range, or t is no density.
    """

    def __init__(
        self,
        model: CodedModel,
        *,
        num_importance: int,
        defensive: DensityModel | None,
        defensive_weight: float,
    ) -> None:
        self.model = model
        self._num = check_positive_integer(num_importance, name="num_importance")
        self._weight = check_fraction(defensive_weight, name="defensive_weight")
        if defensive is not None and not isinstance(defensive, DensityModel):
            raise ConfigurationError(
                "`defensive` must have `log_prob` and `sample_and_log_prob`; got "
                f"{type(defensive).__name__}. Pass a `HeavyTails`, or None."
            )
        if defensive is not None and defensive.event_size != model.event_size:
            raise ConfigurationError(
                f"`defensive` must be a density of the model's {model.event_size} "
                f"coordinates; it has {defensive.event_size}."
            )
        self._defensive = defensive

    def draw(self, n: int, *, seed: Seed) -> Drawn:
        """Draw `n` points."""
        noise_seed, choice_seed, tail_seed = split(seed, n=3)
        size = self.model.latent_size
        noise = tf.random.stateless_normal(
            [n, size + self.model.event_size], noise_seed, dtype=tf.float64
        )
        z, _ = self.model.prior_forward_and_log_det(noise[:, :size])
        x, _ = self.model.noise_to_x(noise[:, size:], z)
        if self._defensive is None:
            return Drawn(x, z, tf.ones([n], tf.bool))
        uniform = tf.random.stateless_uniform([n], choice_seed, dtype=tf.float64)
        is_coded = uniform >= self._weight
        other, _ = self._defensive.sample_and_log_prob(n, seed=tail_seed)
        return Drawn(tf.where(is_coded[:, None], x, other), z, is_coded)

    def log_density(self, drawn: Drawn, *, seed: Seed) -> tf.Tensor:
        """Return log qhat `[n]`, with fresh codes wherever `drawn` has none.

        NaN for a draw of the model that the model cannot score: it must be refused.
        """
        codes = self._codes(drawn, seed=seed)
        model_part = self._log_mean_weight(drawn.x, *codes)
        if self._defensive is None:
            return model_part
        is_nan = tf.math.is_nan(model_part)
        # t may go where the model cannot: nothing of the model ever arrives there.
        dead = tf.constant(-np.inf, tf.float64)
        parts = [
            math.log1p(-self._weight) + tf.where(is_nan, dead, model_part),
            math.log(self._weight) + self._defensive.log_prob(drawn.x),
        ]
        both = tf.reduce_logsumexp(tf.stack(parts), axis=0)
        lost = tf.constant(np.nan, tf.float64)
        return tf.where(is_nan & drawn.is_coded, lost, both)

    def _codes(self, drawn: Drawn, *, seed: Seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Return codes `[K, n, L]` and log r `[K, n]`; a draw's own code is first."""
        z, log_r = self.model.sample_encoder(drawn.x, seed=seed, num=self._num)
        own = drawn.is_coded
        own_log_r = self.model.log_encoder(drawn.z, drawn.x)
        first = tf.where(own[:, None], drawn.z, z[0])
        first_log_r = tf.where(own, own_log_r, log_r[0])
        return (
            tf.concat([first[None], z[1:]], axis=0),
            tf.concat([first_log_r[None], log_r[1:]], axis=0),
        )

    def _log_mean_weight(self, x: Any, z: Any, log_r: Any) -> tf.Tensor:
        log_weight = self.model.log_prior(z) + self.model.log_decoder(x, z) - log_r
        return tf.reduce_logsumexp(log_weight, axis=0) - math.log(self._num)
