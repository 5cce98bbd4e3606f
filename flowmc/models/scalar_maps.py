"""Increasing maps of one coordinate, whose parameters a network supplies.

Both directions are elementwise; autoregressive and coupling layers only decide which
coordinates the parameters may depend on.  On a circle coordinate every map begins with
a rotation, and only splines change its density further (Rezende et al. 2020,
arXiv:2002.02428): their end derivatives agree, so the density has no seam.
"""

__all__ = ["AffineMap", "ScalarMap", "SplineMap", "check_positive"]

import math
from typing import Any, Protocol

import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.models.circles import wrap_angle
from flowmc.models.rational_quadratic import MIN_SHARE, evaluate, invert, make_spline

# None where no coordinate is a circle, else booleans that broadcast over the points.
CircleMask = Any


class ScalarMap(Protocol):
    """What layers move single coordinates with.

    Attributes:
        num_params: Parameters a coordinate, `P`; all zero they give the identity.
    """

    num_params: int

    def inverse(
        self, x: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the base: `[...], [P, ...] -> z [...], log dz/dx [...]`."""

    def forward(
        self, z: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the data: `[...], [P, ...] -> x [...], log dx/dz [...]`."""


class AffineMap:
    """z = (x - shift) exp(-log_scale); a circle coordinate is only rotated.

    Args:
        max_log_scale: Bound on `|log_scale|`; keeps `exp` finite while a flow trained
            on the fly is still wrong.
    """

    num_params = 2

    def __init__(self, max_log_scale: float) -> None:
        self._bound = check_positive(max_log_scale, name="max_log_scale")

    def inverse(
        self, x: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the base: `[...], [2, ...] -> z [...], log dz/dx [...]`."""
        shift, log_scale = self._shift_and_log_scale(parameters, is_circle)
        z = (x - shift) * tf.exp(-log_scale)
        return _wrap(z, is_circle), -log_scale

    def forward(
        self, z: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the data: `[...], [2, ...] -> x [...], log dx/dz [...]`."""
        shift, log_scale = self._shift_and_log_scale(parameters, is_circle)
        return _wrap(shift + tf.exp(log_scale) * z, is_circle), log_scale

    def _shift_and_log_scale(self, parameters, is_circle) -> tuple:
        log_scale = self._bound * tf.tanh(parameters[1] / self._bound)
        return parameters[0], _choose(is_circle, tf.zeros_like(log_scale), log_scale)


class SplineMap:
    """A conditional shift and scale, then a monotone rational-quadratic spline.

    Outside `[-bound, bound]` the spline is the identity, so tails are those of the
    affine part.  On a circle a rotation takes the affine part's place and the spline
    covers [-pi, pi], its two end derivatives equal.

    Args:
        num_bins: Bins of each spline, at least 2.
        bound: Half the length of the splines' interval, in base units.
        max_log_scale: Bound on `|log_scale|` of the affine part.
    """

    def __init__(self, num_bins: int, *, bound: float, max_log_scale: float) -> None:
        self._num_bins = check_positive_integer(num_bins, name="num_bins", minimum=2)
        if not num_bins * MIN_SHARE < 0.5:
            raise ConfigurationError(
                f"`num_bins` must be less than {0.5 / MIN_SHARE:.0f}; got {num_bins}."
            )
        self._bound = check_positive(bound, name="bound")
        self._affine = AffineMap(max_log_scale)
        self.num_params = 3 * num_bins + 1

    def inverse(
        self, x: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the base: `[...], [P, ...] -> z [...], log dz/dx [...]`."""
        u, affine_log_slope = self._affine.inverse(x, parameters, is_circle)
        z, log_slope = evaluate(self._spline(parameters, is_circle), u)
        return z, log_slope + affine_log_slope

    def forward(
        self, z: tf.Tensor, parameters: tf.Tensor, is_circle: CircleMask = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Map toward the data: `[...], [P, ...] -> x [...], log dx/dz [...]`."""
        spline = self._spline(parameters, is_circle)
        u, log_slope = invert(spline, _wrap(z, is_circle))
        x, affine_log_slope = self._affine.forward(u, parameters, is_circle)
        return x, affine_log_slope - log_slope

    def _spline(self, parameters, is_circle):
        bins = self._num_bins
        widths, heights = parameters[2 : 2 + bins], parameters[2 + bins : 2 + 2 * bins]
        # What is a scale on the line is the common end derivative on the circle.
        ends = _choose(is_circle, parameters[1], tf.zeros_like(parameters[1]))[None]
        knots = tf.concat([ends, parameters[2 + 2 * bins :], ends], axis=0)
        # As tensors: in a graph a bare number would become float32.
        pi, bound = (tf.constant(b, ends.dtype) for b in (math.pi, self._bound))
        bound = _choose(is_circle, pi, bound)
        return make_spline(widths, heights, knots, bound)


def check_positive(value: Any, *, name: str) -> float:
    """Return `value` as a finite float above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise ConfigurationError(
            f"`{name}` must be positive and finite; got {value!r}."
        )
    return number


def _choose(is_circle: CircleMask, on_circle: Any, on_line: Any) -> Any:
    return on_line if is_circle is None else tf.where(is_circle, on_circle, on_line)


def _wrap(value: tf.Tensor, is_circle: CircleMask) -> tf.Tensor:
    return _choose(is_circle, None if is_circle is None else wrap_angle(value), value)
