"""What kernels and losses do with a VAE: batched, float64, differentiable, compilable.

    codes   prior and encoder         z [..., K]
    points  decoder and whitening     x = mu + L (m(z) + s(z) e)    [..., D]

Every method makes at most one call of a random number generator.
"""

__all__ = ["CodePrimitives", "PointPrimitives"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_matrix
from flowmc.core.errors import ModelError
from flowmc.core.seeds import as_seed
from flowmc.models.described import Described
from flowmc.models.vae_decoder import Decoder
from flowmc.models.vae_encoder import Encoder
from flowmc.models.vae_prior import FlowPrior, NormalPrior
from flowmc.models.whitening import AffineWhitening


class PointPrimitives(Described):
    """The decoder as an exact affine map of noise, in the user's coordinates."""

    latent_size: int
    _decoder: Decoder
    _whitening: AffineWhitening

    def noise_to_x(self, e: Any, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map noise `[..., D]`, given codes, to x; return x and `log|det dx/de|`."""
        moved, log_det = self._decoder.map(self._codes(z)).apply(self._points(e))
        return self._unwhitened(moved), log_det + self._whitening.log_det

    def x_to_noise(self, x: Any, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map x `[..., D]`, given codes, to noise; return it and `log|det de/dx|`.

        Leading dimensions of x `[n, D]` and z `[..., n, K]` broadcast.
        """
        noise, log_det = self._decoder.map(self._codes(z)).undo(self._whitened(x))
        return noise, log_det - self._whitening.log_det

    def log_decoder(self, x: Any, z: Any) -> tf.Tensor:
        """Return log p(x | z) of x `[n, D]` and codes `[..., n, K]`: `[..., n]`."""
        return self._decoder.log_prob(*self.x_to_noise(x, z))

    def fit_whitening(self, draws: Any, *, weights: Any = None) -> str:
        """Set the affine layer from draws `[n, D]`; return a note, or ""."""
        x = check_matrix(draws, name="draws", event_size=self.event_size)
        return self._whitening.fit(x, weights)

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Apply the affine layer alone, on the host: `[n, D] -> [n, D]`."""
        return self._whitened(x).numpy()

    def _whitened(self, x: Any) -> tf.Tensor:
        points = self._points(x)
        columns = tf.transpose(tf.reshape(points, [-1, self.event_size]))
        white = tf.transpose(self._whitening.inverse(columns))
        return tf.reshape(white, tf.shape(points))

    def _unwhitened(self, points: tf.Tensor) -> tf.Tensor:
        columns = tf.transpose(tf.reshape(points, [-1, self.event_size]))
        x = tf.transpose(self._whitening.forward(columns))
        return tf.reshape(x, tf.shape(points))

    def _points(self, x: Any) -> tf.Tensor:
        return _checked(x, size=self.event_size, name="event_size")

    def _codes(self, z: Any) -> tf.Tensor:
        return _checked(z, size=self.latent_size, name="latent_size")


class CodePrimitives(PointPrimitives):
    """Drawing and scoring codes: the prior, its base space, and the encoder."""

    _prior: NormalPrior | FlowPrior
    _encoder: Encoder

    def sample_prior(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw codes `[n, K]` of the prior."""
        return self._prior.sample(n, seed=as_seed(seed))

    def log_prior(self, z: Any) -> tf.Tensor:
        """Return log p(z): `[..., K] -> [...]`."""
        return self._prior.log_prob(self._codes(z))

    def prior_forward_and_log_det(self, u: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base space u ~ N(0, I) `[..., K]` to codes; also `log|det dz/du|`."""
        return self._prior.forward(self._codes(u))

    def prior_inverse_and_log_det(self, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map codes `[..., K]` to base space; return it and `log|det du/dz|`."""
        return self._prior.inverse(self._codes(z))

    def sample_encoder(
        self, x: Any, *, seed: Any, num: int = 1
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw codes of r(. | x) with their log-densities.

        Args:
            x: Points `[n, D]`.
            seed: Integer or stateless pair.
            num: Codes a point.

        Returns:
            Codes `[num, n, K]` and log r `[num, n]`, both from the same weights.
        """
        return self._encoder.sample(self._whitened(x), num=num, seed=as_seed(seed))

    def log_encoder(self, z: Any, x: Any) -> tf.Tensor:
        """Return log r(z | x) of codes `[..., n, K]` and points `[n, D]`: `[..., n]`.

        The codes may be from anywhere.
        """
        return self._encoder.log_prob(self._codes(z), self._whitened(x))

    def closed_kl(self, x: Any) -> tf.Tensor | None:
        """Return KL(r(z | x), p(z)) `[n]` where it has a closed form, else None."""
        if not (self._encoder.is_gaussian and self._prior.is_normal):
            return None
        (affine,) = self._encoder.maps(self._whitened(x))
        squares = tf.square(affine.shift) + tf.exp(2.0 * affine.log_scale)
        return 0.5 * tf.reduce_sum(squares - 1.0 - 2.0 * affine.log_scale, axis=-1)


def _checked(points: Any, *, size: int, name: str) -> tf.Tensor:
    points = tf.convert_to_tensor(points, dtype=tf.float64)
    if points.shape[-1:] != [size]:
        raise ModelError(
            f"The last dimension must be {size}, the model's `{name}`; got shape "
            f"{points.shape}."
        )
    return points
