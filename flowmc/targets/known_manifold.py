"""Known-answer targets on curved surfaces of few dimensions, hidden in many.

    theta = axes . y,    (y0, y1) = r (cos t, sin t),    r = curve(t) + width * e

A closed ring, and a roll of one and a half turns that is wide in one more direction;
all other directions hold noise of the same width.  A rotation that is always the same
hides them: no coordinate is special, and the covariance does not show the curve.
"""

__all__ = ["noisy_ring", "swiss_roll"]

import math

import numpy as np
import tensorflow as tf
from scipy import special, stats

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import generator
from flowmc.targets.analytic import AnalyticTarget

ROTATION_SEED = 20  # part of the definition
LOG_TWO_PI = math.log(2.0 * math.pi)
MIDDLE, SPREAD = 3.0 * math.pi, 0.5 * math.pi  # of the roll's angle, a normal
PITCH = 1.0 / MIDDLE  # radius per angle: 1 in the middle
TURNS = range(-1, 5)  # of the roll that are looked at: 10 sd and more


def noisy_ring(event_size: int = 20, *, width: float = 0.05) -> AnalyticTarget:
    """Return a ring of radius 1, noise around it, rotated; normalized.

    The angle is uniform.  A negative radius, which hardly happens, is the point on the
    other side, and is accounted for.

    Args:
        event_size: D, at least 2.
        width: Sd of the noise in the radius and in each of the other D - 2 directions.

    Raises:
        ConfigurationError: D is too small, or the width is not positive.
    """
    size = check_positive_integer(event_size, name="event_size", minimum=2)
    width = _checked_width(width)
    axes = _rotation(size)

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        y = tf.linalg.matmul(theta, axes)
        radius = tf.norm(y[:, :2], axis=-1)
        ring = tf.reduce_logsumexp(
            [_log_normal(radius, 1.0, width), _log_normal(-radius, 1.0, width)], axis=0
        )
        noise = tf.reduce_sum(_log_normal(y[:, 2:], 0.0, width), axis=-1)
        return ring + noise - LOG_TWO_PI - tf.math.log(radius)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        y = theta @ axes
        radius = np.hypot(y[:, 0], y[:, 1])
        density = stats.norm.pdf(radius, 1.0, width) + stats.norm.pdf(
            -radius, 1.0, width
        )
        with np.errstate(divide="ignore"):
            ring = np.log(density / (2.0 * math.pi * radius))
        return ring + stats.norm.logpdf(y[:, 2:], scale=width).sum(axis=-1)

    def sampler(n: int, rng: np.random.Generator) -> np.ndarray:
        angle = rng.uniform(0.0, 2.0 * math.pi, size=n)
        y = width * rng.standard_normal((n, size))
        return _bent(1.0 + y[:, 0], angle, y) @ axes.T

    variance = np.full(size, width**2)
    variance[:2] = 0.5 * (1.0 + width**2)
    return AnalyticTarget(
        name="noisy_ring",
        names=_names(size),
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=sampler,
        log_evidence=0.0,
        mean=np.zeros(size),
        standard_deviation=np.sqrt(axes**2 @ variance),
    )


def swiss_roll(event_size: int = 20, *, width: float = 0.05) -> AnalyticTarget:
    """Return a roll: angle ~ N(3 pi, sd pi/2), radius angle / (3 pi), rotated.

    Normalized.  The third direction is a standard normal; the others, and the radius,
    have noise.  Arms are two thirds apart.

    Args:
        event_size: D, at least 3.
        width: Sd of the noise.

    Raises:
        ConfigurationError: D is too small, or the width is not positive.
    """
    size = check_positive_integer(event_size, name="event_size", minimum=3)
    width = _checked_width(width)
    axes = _rotation(size)
    scales = np.array([1.0] + [width] * (size - 3))
    turns, sides = _arms()

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        y = tf.linalg.matmul(theta, axes)
        radius = tf.norm(y[:, :2], axis=-1)
        angle = tf.math.atan2(y[:, 1], y[:, 0])
        t = angle[:, None] + turns
        arms = _log_normal(sides * radius[:, None], PITCH * t, width)
        arms += _log_normal(t, MIDDLE, SPREAD)
        roll = tf.reduce_logsumexp(arms, axis=-1) - tf.math.log(radius)
        return roll + tf.reduce_sum(_log_normal(y[:, 2:], 0.0, scales), axis=-1)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        y = theta @ axes
        point = y[:, 0] + 1j * y[:, 1]
        # Twice as many half turns; those of the wrong sign are the other side.
        half_turns = np.arange(2 * TURNS.start, 2 * TURNS.stop)
        t = np.angle(point)[:, None] + math.pi * half_turns
        radius = np.abs(point)[:, None] * (-1.0) ** half_turns
        arms = stats.norm.logpdf(t, MIDDLE, SPREAD)
        arms = arms + stats.norm.logpdf(radius, PITCH * t, width)
        roll = special.logsumexp(arms, axis=-1) - np.log(np.abs(point))
        return roll + stats.norm.logpdf(y[:, 2:], scale=scales).sum(axis=-1)

    def sampler(n: int, rng: np.random.Generator) -> np.ndarray:
        angle = MIDDLE + SPREAD * rng.standard_normal(n)
        y = np.concatenate([[width, width], scales]) * rng.standard_normal((n, size))
        return _bent(PITCH * angle + y[:, 0], angle, y) @ axes.T

    mean, deviation = _roll_moments(width, axes, scales)
    return AnalyticTarget(
        name="swiss_roll",
        names=_names(size),
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=sampler,
        log_evidence=0.0,
        mean=mean,
        standard_deviation=deviation,
    )


def _arms() -> tuple[np.ndarray, np.ndarray]:
    """Return what to add to an angle, and the sign of the radius, for each arm."""
    whole = 2.0 * math.pi * np.arange(TURNS.start, TURNS.stop)
    # A negative radius is the point half a turn further.
    turns = np.concatenate([whole, whole + math.pi])
    return turns, np.repeat([1.0, -1.0], len(whole))


def _roll_moments(
    width: float, axes: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation `[D]` of the rotated roll."""
    mean, covariance = _plane_moments(width)
    plane = axes[:, :2]
    variance = np.sum(plane @ covariance * plane, axis=1)
    return plane @ mean, np.sqrt(variance + axes[:, 2:] ** 2 @ scales**2)


def _plane_moments(width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean `[2]` and covariance `[2, 2]` of r (cos t, sin t)."""

    def turned(k: int) -> complex:  # E[exp(i k t)]
        return np.exp(1j * k * MIDDLE - 0.5 * (k * SPREAD) ** 2)

    first = PITCH * (MIDDLE + 1j * SPREAD**2) * turned(1)  # E[r exp(i t)]
    centre = MIDDLE + 2j * SPREAD**2
    second = (PITCH**2 * (centre**2 + SPREAD**2) + width**2) * turned(2)
    square = PITCH**2 * (MIDDLE**2 + SPREAD**2) + width**2  # E[r^2]
    mean = np.array([first.real, first.imag])
    moments = 0.5 * np.array(
        [
            [square + second.real, second.imag],
            [second.imag, square - second.real],
        ]
    )
    return mean, moments - np.outer(mean, mean)


def _bent(radius: np.ndarray, angle: np.ndarray, y: np.ndarray) -> np.ndarray:
    plane = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.concatenate([plane, y[:, 2:]], axis=-1)


def _log_normal(value: tf.Tensor, mean: float, sd: float | np.ndarray) -> tf.Tensor:
    z = (value - mean) / sd
    return -0.5 * (tf.square(z) + LOG_TWO_PI) - np.log(sd)


def _checked_width(width: float) -> float:
    if not 0.0 < width < math.inf:
        raise ConfigurationError(
            f"`width` must be positive and finite; got {width!r}. It is the noise's sd."
        )
    return float(width)


def _names(size: int) -> tuple[str, ...]:
    return tuple(f"x{index}" for index in range(size))


def _rotation(size: int) -> np.ndarray:
    """Return an orthogonal matrix `[D, D]`, uniform among them and always the same."""
    normal = generator(ROTATION_SEED).standard_normal((size, size))
    matrix, triangle = np.linalg.qr(normal)
    return matrix * np.sign(np.diag(triangle))
