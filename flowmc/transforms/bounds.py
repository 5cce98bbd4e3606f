"""The map between bounded parameters `theta` and unconstrained coordinates `x`.

Each coordinate has its own rule: none (no bounds), an exponential (one bound), the
normal CDF (two bounds: a uniform prior becomes a standard normal), or a wrap (circular
coordinates, which keep their units).
"""

__all__ = ["BoundsTransform"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_matrix
from flowmc.core.errors import ConfigurationError
from flowmc.transforms.normal_cdf import HALF_LOG_TWO_PI, lower_quantile, normal_cdf

LARGEST = np.finfo(np.float64).max
TINY = 1e-300  # distance from a bound that still has a finite logarithm


class BoundsTransform:
    """Coordinate-wise map `x <-> theta`, in float64, safe under XLA.

    With low, high the bounds of a coordinate and Phi the standard normal CDF:

        no bounds     theta = x
        low only      theta = low + exp(x)
        high only     theta = high - exp(x)
        both          theta = low + (high - low) * Phi(x)
        periodic      theta = low + (x - low) mod (high - low)

    A point on a bound is mapped to a finite `x` far out (`Phi(x)` near 1e-300). No `x`
    is mapped onto a bound, where logarithms of distances to it would fail.

    Args:
        bounds: `[D, 2]`, or D pairs `(low, high)`; infinite where there is none.
        periodic: Indices of circular coordinates, or a mask of D booleans; their
            bounds must be finite.

    Raises:
        ConfigurationError: Bounds or indices are unusable.
    """

    def __init__(
        self, bounds: Any, periodic: Sequence[int] | Sequence[bool] = ()
    ) -> None:
        self.bounds = _checked_bounds(bounds)
        self.event_size = len(self.bounds)
        self.periodic = _checked_periodic(periodic, bounds=self.bounds)
        is_periodic = np.isin(np.arange(self.event_size), self.periodic)
        has_low, has_high = np.isfinite(self.bounds).T & ~is_periodic
        self._is_periodic = is_periodic
        self._is_box = has_low & has_high
        self._is_ray = has_low ^ has_high
        # A ray runs from its bound in direction `sign`.
        self._sign = np.where(has_low, 1.0, -1.0)
        self._low = np.where(has_low | is_periodic, self.bounds[:, 0], 0.0)
        self._high = np.where(has_high | is_periodic, self.bounds[:, 1], 0.0)
        self._end = np.where(has_low, self._low, self._high)
        self._least = np.where(has_low, _next(self._low, np.inf), -np.inf)
        self._most = np.where(has_high, _next(self._high, -np.inf), np.inf)
        is_finite = self._is_box | is_periodic
        self._width = np.where(is_finite, self._high - self._low, 1.0)

    @property
    def is_identity(self) -> bool:
        """Whether `theta` is `x` in every coordinate."""
        return not (self._is_box | self._is_ray | self._is_periodic).any()

    def forward_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `x -> theta`; return `(theta, log|det dtheta/dx|)`.

        Shapes are `[..., D] -> [..., D], [...]`.
        """
        x = tf.convert_to_tensor(x, tf.float64)
        theta, log_det = x, tf.zeros_like(x)
        if self._is_box.any():
            box = tf.where(self._is_box, x, 0.0)
            # Measured from the nearer bound, so that neither tail is rounded away.
            step = self._width * normal_cdf(-tf.abs(box))
            inside = tf.where(box < 0.0, self._low + step, self._high - step)
            theta = tf.where(self._is_box, inside, theta)
            slope = np.log(self._width) - HALF_LOG_TWO_PI - 0.5 * tf.square(box)
            log_det = tf.where(self._is_box, slope, log_det)
        if self._is_ray.any():
            ray = tf.where(self._is_ray, x, 0.0)
            beyond = self._end + self._sign * tf.exp(ray)
            theta = tf.where(self._is_ray, beyond, theta)
            log_det = tf.where(self._is_ray, ray, log_det)
        theta = tf.clip_by_value(self._wrap(theta), self._least, self._most)
        return theta, tf.reduce_sum(log_det, axis=-1)

    def inverse(self, theta: Any) -> tf.Tensor:
        """Map `theta -> x`: `[..., D] -> [..., D]`; points are taken as inside."""
        theta = tf.convert_to_tensor(theta, tf.float64)
        x = theta
        if self._is_box.any():
            box = tf.where(self._is_box, theta, 0.5 * (self._low + self._high))
            from_low = (box - self._low) / self._width
            from_high = (self._high - box) / self._width
            quantile = lower_quantile(tf.minimum(from_low, from_high))
            is_low = from_low < from_high
            x = tf.where(self._is_box, tf.where(is_low, quantile, -quantile), x)
        if self._is_ray.any():
            distance = self._sign * (tf.where(self._is_ray, theta, 0.0) - self._end)
            distance = tf.where(self._is_ray, distance, 1.0)
            x = tf.where(self._is_ray, tf.math.log(tf.maximum(distance, TINY)), x)
        return self._wrap(x)

    def _wrap(self, value: tf.Tensor) -> tf.Tensor:
        if not self._is_periodic.any():
            return value
        wrapped = self._low + tf.math.floormod(value - self._low, self._width)
        return tf.where(self._is_periodic, wrapped, value)


def _next(values: np.ndarray, towards: float) -> np.ndarray:
    """Return the next numbers, beside zero the least that is not flushed to it."""
    least = np.copysign(np.finfo(np.float64).tiny, towards)
    return np.where(values == 0.0, least, np.nextafter(values, towards))


def _checked_bounds(bounds: Any) -> np.ndarray:
    array = check_matrix(bounds, name="bounds", event_size=2)
    for index, (low, high) in enumerate(array):
        if not low < high or low == np.inf or high == -np.inf:
            raise ConfigurationError(
                "`bounds` need low < high in every coordinate; coordinate "
                f"{index} has ({low}, {high})."
            )
        if np.isfinite([low, high]).all() and 0.5 * high - 0.5 * low > 0.5 * LARGEST:
            raise ConfigurationError(
                f"`bounds` of coordinate {index} are too wide for float64: "
                f"({low}, {high}). Use infinite bounds or rescale the parameter."
            )
    return array


def _checked_periodic(periodic: Any, *, bounds: np.ndarray) -> tuple[int, ...]:
    array = np.asarray(periodic)
    if array.dtype == bool and array.shape == (len(bounds),):
        array = np.flatnonzero(array)
    if array.size and (array.dtype.kind not in "iu" or array.ndim != 1):
        raise ConfigurationError(
            "`periodic` must hold indices of coordinates, or one boolean each; "
            f"got {periodic!r}."
        )
    indices = tuple(sorted({int(index) for index in array}))
    for index in indices:
        if not 0 <= index < len(bounds) or not np.isfinite(bounds[index]).all():
            raise ConfigurationError(
                f"`periodic` coordinates need finite bounds; coordinate {index} of "
                f"{len(bounds)} has none. Give its `bounds`."
            )
    return indices
