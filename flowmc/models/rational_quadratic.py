"""Monotone rational-quadratic splines of the interval [-bound, bound] onto itself.

Between two knots the map is a quotient of two parabolas, smooth, increasing, and
inverted in closed form; its first derivative is continuous at the knots.  Outside the
interval the map is the identity.  With all raw parameters zero it is the identity too.

Reference: Gregory and Delbourgo (1982), doi:10.1093/imanum/2.2.123; as a flow, Durkan,
Bekasov, Murray and Papamakarios (2019), arXiv:1906.04032.
"""

__all__ = ["MIN_SHARE", "Spline", "evaluate", "invert", "make_spline"]

import math
from typing import Any, NamedTuple

import tensorflow as tf

MIN_SHARE = 1e-3  # smallest width or height of a bin, as a share of the interval
MAX_LOG_DERIVATIVE = math.log(1e3)  # at a knot, either way


class Spline(NamedTuple):
    """Splines with K bins, one for each entry of a batch shape."""

    widths: tf.Tensor  # [K, ...], sum 2 * bound
    heights: tf.Tensor  # [K, ...], sum 2 * bound
    log_derivatives: tf.Tensor  # [K + 1, ...], at the knots, not bounded yet
    bound: Any  # a number, or [...]


class _Bin(NamedTuple):
    """The bin a value lies in."""

    left: tf.Tensor  # of the argument
    width: tf.Tensor
    bottom: tf.Tensor  # of the image
    height: tf.Tensor
    first: tf.Tensor  # derivative at its left end
    last: tf.Tensor  # derivative at its right end


def make_spline(
    raw_widths: tf.Tensor,
    raw_heights: tf.Tensor,
    log_derivatives: tf.Tensor,
    bound: Any,
) -> Spline:
    """Turn unconstrained parameters into splines.

    Args:
        raw_widths: `[K, ...]`; equal values give equal bins.
        raw_heights: `[K, ...]`.
        log_derivatives: `[K + 1, ...]`, at the knots, softly bounded; the two end
            ones are 0 for a smooth join to the tails, or equal to one another on a
            circle.
        bound: Half the interval's length, positive.
    """
    return Spline(
        _shares(raw_widths) * (2.0 * bound),
        _shares(raw_heights) * (2.0 * bound),
        log_derivatives,
        bound,
    )


def evaluate(spline: Spline, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return `y` and `log dy/dx` at `x` `[...]`."""
    inside = tf.abs(x) <= spline.bound
    clipped = tf.where(inside, x, 0.0)
    part = _find(spline, clipped, ends=spline.widths)
    share = tf.clip_by_value((clipped - part.left) / part.width, 0.0, 1.0)
    y, log_derivative = _image(part, share)
    return tf.where(inside, y, x), tf.where(inside, log_derivative, 0.0)


def invert(spline: Spline, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return `x` with image `y` `[...]`, and `log dy/dx` there."""
    inside = tf.abs(y) <= spline.bound
    clipped = tf.where(inside, y, 0.0)
    part = _find(spline, clipped, ends=spline.heights)
    rise = tf.clip_by_value((clipped - part.bottom) / part.height, 0.0, 1.0)
    share = _solve_share(part, rise)
    _, log_derivative = _image(part, share)
    x = part.left + part.width * share
    return tf.where(inside, x, y), tf.where(inside, log_derivative, 0.0)


def _shares(raw: tf.Tensor) -> tf.Tensor:
    # TensorFlow's softmax transposes over this axis, and XLA refuses its gradient in a
    # loop.
    largest = tf.stop_gradient(tf.reduce_max(raw, axis=0))
    weight = tf.exp(raw - largest)
    free = (1.0 - raw.shape[0] * MIN_SHARE) / tf.reduce_sum(weight, axis=0)
    return MIN_SHARE + free * weight


def _find(spline: Spline, value: tf.Tensor, *, ends: tf.Tensor) -> _Bin:
    """Look up the bin of `value`, whose lengths are `ends`, by comparing and summing.

    XLA takes no slice at a tensor; a sum over K bins fuses with all that follows.
    """
    inner = tf.cumsum(ends, axis=0)[:-1] - spline.bound
    passed = tf.cast(value >= inner, value.dtype)
    first, last = tf.ones_like(value)[None], tf.zeros_like(value)[None]
    chosen = tf.concat([first, passed], axis=0) - tf.concat([passed, last], axis=0)

    def pick(entries):
        return tf.reduce_sum(chosen * entries, axis=0)

    def below(entries):
        return tf.reduce_sum(passed * entries[:-1], axis=0) - spline.bound

    return _Bin(
        below(spline.widths),
        pick(spline.widths),
        below(spline.heights),
        pick(spline.heights),
        _bounded_exp(pick(spline.log_derivatives[:-1])),
        _bounded_exp(pick(spline.log_derivatives[1:])),
    )


def _bounded_exp(value: tf.Tensor) -> tf.Tensor:
    return tf.exp(MAX_LOG_DERIVATIVE * tf.tanh(value / MAX_LOG_DERIVATIVE))


def _image(part: _Bin, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image and log-derivative at a share of the bin's width."""
    slope = part.height / part.width
    rest = 1.0 - share
    bend = part.first + part.last - 2.0 * slope
    below = slope + bend * share * rest
    above = slope * share * share + part.first * share * rest
    y = part.bottom + part.height * above / below
    rate = (
        part.last * share * share
        + 2.0 * slope * share * rest
        + part.first * rest * rest
    )
    log_derivative = 2.0 * tf.math.log(slope / below) + tf.math.log(rate)
    return y, log_derivative


def _solve_share(part: _Bin, rise: tf.Tensor) -> tf.Tensor:
    """Solve the bin's quadratic for the share of its width, without cancellation.

    (slope - b) share^2 + b share = slope * rise, with b between 0 and 1 having exactly
    one root there.  The discriminant is written as a sum of non-negative terms, and of
    the two forms of the root the one without a difference is taken.
    """
    slope = part.height / part.width
    b = part.first * (1.0 - rise) - part.last * rise + 2.0 * slope * rise
    discriminant = tf.square(b - 2.0 * slope * rise) + 4.0 * tf.square(slope) * (
        rise * (1.0 - rise)
    )
    size = tf.abs(b) + tf.sqrt(discriminant)
    ratio = 2.0 * slope * rise / size
    other = 0.5 * size / (slope + tf.abs(b))
    return tf.clip_by_value(tf.where(b >= 0.0, ratio, other), 0.0, 1.0)
