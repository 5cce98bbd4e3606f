"""The ellipse that a kernel moves along: a centre and a shape, with angles left out."""

__all__ = ["Reference"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_finite
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.arguments import (
    check_circular,
    check_tril,
)


class Reference:
    """Location and scale of the ordinary coordinates; circular ones stand apart.

    Both are variables of the full size `[D]`, with zeros for circular coordinates, so
    that these drop out of every product.

    Args:
        location: `[d]` of the ordinary coordinates, with `scale_tril`; or None for 0.
        scale_tril: Lower triangular `[d, d]`; or None for the identity.
        circular: Which coordinates are angles, `[D]` of bool, or None.
    """

    def __init__(self, *, location: Any, scale_tril: Any, circular: Any) -> None:
        self.is_circle = check_circular(circular)
        self.event_size = None if self.is_circle is None else len(self.is_circle)
        self._variables: tuple[tf.Variable, ...] = ()
        if (location is None) != (scale_tril is None):
            raise ConfigurationError(
                "`location` and `scale_tril` must be given together; got only "
                f"`{'scale_tril' if location is None else 'location'}`. Pass both."
            )
        if location is not None:
            arrays = self._embedded(location, scale_tril)
            self.event_size = len(arrays[0])
            self._variables = tuple(tf.Variable(a, trainable=False) for a in arrays)

    def fit(self, location: Any, scale_tril: Any) -> None:
        """Replace both; compiled code sees the new ones."""
        if not self._variables:
            raise ConfigurationError(
                "The kernel must be built with `location` and `scale_tril` for them to "
                "be replaced; it was built without. Pass np.zeros(D) and np.eye(D)."
            )
        arrays = self._embedded(location, scale_tril)
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    @property
    def is_shaped(self) -> bool:
        """Whether it was given a centre and a shape, and no angles."""
        return bool(self._variables) and self.is_circle is None

    def num_ordinary(self, position: tf.Tensor) -> int:
        """Return `d`, the number of coordinates that are no angles."""
        num_circles = 0 if self.is_circle is None else int(self.is_circle.sum())
        return int(position.shape[-1]) - num_circles

    def only_ordinary(self, values: tf.Tensor) -> tf.Tensor:
        """Return `values` `[n, D]` with zeros for the angles."""
        return (
            values if self.is_circle is None else tf.where(~self.is_circle, values, 0.0)
        )

    def whiten(self, x: tf.Tensor) -> tf.Tensor:
        """Return `L^-1 (x - mu)`, `[n, D]`, with zeros for the angles."""
        if not self._variables:
            return self.only_ordinary(x)
        location, _, inverse = self._variables
        return tf.matmul(x - location, inverse, transpose_b=True)

    def restore(self, white: tf.Tensor, *, angles: tf.Tensor) -> tf.Tensor:
        """Return `mu + L white`, and the angles of `angles`, all `[n, D]`."""
        if self._variables:
            location, tril, _ = self._variables
            white = location + tf.matmul(white, tril, transpose_b=True)
        return (
            white if self.is_circle is None else tf.where(self.is_circle, angles, white)
        )

    def _embedded(self, location: Any, scale_tril: Any) -> tuple[np.ndarray, ...]:
        """Return mu, L and the inverse of L at full size."""
        if self.is_circle is not None:
            where = np.flatnonzero(~self.is_circle)
        else:
            where = np.arange(self.event_size or np.size(location))
        location = check_finite(np.asarray(location, np.float64), name="location")
        if location.shape != where.shape:
            raise ConfigurationError(
                "`location` must have one entry for each ordinary coordinate, "
                f"[{len(where)}]; got {list(location.shape)}. Leave angles out."
            )
        tril = check_tril(scale_tril, event_size=len(where))
        size = len(where) if self.is_circle is None else len(self.is_circle)
        full = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
        full[0][where] = location
        full[1][np.ix_(where, where)] = tril
        full[2][np.ix_(where, where)] = np.tril(np.linalg.inv(tril))
        return full
