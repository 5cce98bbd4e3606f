"""A flow's first layer on the data side: affine, fitted to draws in closed form.

    x = location + scale_tril u

Ordinary coordinates get mean and covariance.  A circle coordinate is mapped to
[-pi, pi] and only turned, so that its circular mean lies at zero and the cut opposite.
"""

__all__ = ["AffineWhitening"]

import math
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.linalg import solve_triangular

from flowmc.models.circles import Circles, wrap_angle
from flowmc.transforms.whitening import check_draws, fit_affine


class AffineWhitening(tf.Module):
    """Location and lower triangular scale; the identity until fitted or set.

    Args:
        circles: The circle coordinates.
    """

    def __init__(self, circles: Circles) -> None:
        super().__init__(name="whitening")
        self._circles = circles
        size = len(circles.is_circle)
        middle = circles.low + 0.5 * circles.width
        location = np.where(circles.is_circle, middle, 0.0)
        scale_tril = np.diag(self._circle_scale(np.ones(size)))
        self._location = tf.Variable(location, trainable=False, name="location")
        self._scale_tril = tf.Variable(scale_tril, trainable=False, name="scale_tril")
        # The inverse is kept too: one matrix product instead of a solve at each call.
        self._unscale_tril = tf.Variable(
            np.linalg.inv(scale_tril), trainable=False, name="unscale_tril"
        )

    @property
    def location(self) -> tf.Tensor:
        """Where `u = 0` lies, `[D]`."""
        return tf.identity(self._location)

    @property
    def scale_tril(self) -> tf.Tensor:
        """The triangular scale `[D, D]`."""
        return tf.identity(self._scale_tril)

    @property
    def log_det(self) -> tf.Tensor:
        """The logarithm of `|det dx/du|`, a scalar."""
        return tf.reduce_sum(tf.math.log(tf.linalg.diag_part(self._scale_tril)))

    def forward(self, columns: tf.Tensor) -> tf.Tensor:
        """Map `u -> x`: `[D, n] -> [D, n]`, circle coordinates in [low, high)."""
        x = self._location[:, None] + self._scale_tril @ columns
        return self._circles.wrap(x) if self._circles else x

    def inverse(self, columns: tf.Tensor) -> tf.Tensor:
        """Map `x -> u`: `[D, n] -> [D, n]`, circle coordinates in [-pi, pi]."""
        u = self._unscale_tril @ (columns - self._location[:, None])
        if not self._circles:
            return u
        return tf.where(self._circles.is_circle[:, None], wrap_angle(u), u)

    def fit(self, x: np.ndarray, weights: Any) -> str:
        """Fit to draws `[n, D]` with weights `[n]` or None; return a note, or ""."""
        x, weights = check_draws(x, weights)
        location = self._circles.mean(x, weights)
        scale_tril = np.diag(self._circle_scale(np.ones(x.shape[1])))
        normal = np.flatnonzero(~self._circles.is_circle)
        note = ""
        if len(normal):
            fitted = fit_affine(x[:, normal], weights)
            location[normal] = fitted.location
            scale_tril[np.ix_(normal, normal)] = fitted.scale_tril
            note = fitted.note
        self.set(location, scale_tril)
        return note

    def set(self, location: np.ndarray, scale_tril: np.ndarray) -> None:
        """Take the location `[D]` and the lower triangular scale `[D, D]` as given."""
        self._location.assign(location)
        self._scale_tril.assign(scale_tril)
        identity = np.eye(len(location))
        self._unscale_tril.assign(solve_triangular(scale_tril, identity, lower=True))

    def _circle_scale(self, scale: np.ndarray) -> np.ndarray:
        turn = self._circles.width / (2.0 * math.pi)
        return np.where(self._circles.is_circle, turn, scale)
