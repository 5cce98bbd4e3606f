"""Known-answer targets that defeat simple samplers: a funnel and an egg box."""

__all__ = ["eggbox", "funnel"]

import math
from dataclasses import replace

import numpy as np
import tensorflow as tf
from scipy import special, stats

from flowmc.core.checks import check_positive_integer
from flowmc.targets.analytic import AnalyticTarget, redrawn

NECK_SD = 3.0
NECK_BOUND, BODY_BOUND = 15.0, 200.0
LOG_TWO_PI = math.log(2.0 * math.pi)
EGGBOX_LOG_EVIDENCE = 235.85594  # two-dimensional quadrature
EGGBOX_SIZE = 10.0 * math.pi


def funnel(event_size: int = 10, *, bounded: bool = True) -> AnalyticTarget:
    """Return Neal's funnel: v ~ N(0, sd 3), then x_i ~ N(0, sd exp(v/2)).

    Args:
        event_size: D, at least 2; v comes first.
        bounded: With a uniform prior on `|v| < 15`, `|x_i| < 200`, which cuts the mouth
            of the funnel slightly; without, the density is normalized and has no prior.
    """
    size = check_positive_integer(event_size, name="event_size", minimum=2)
    names = ("v", *(f"x{index}" for index in range(1, size)))

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        v, body = theta[:, 0], theta[:, 1:]
        squares = tf.reduce_sum(tf.square(body), axis=-1) * tf.exp(-v)
        neck = tf.square(v / NECK_SD) + 2.0 * math.log(NECK_SD)
        return -0.5 * (squares + (size - 1) * v + neck + size * LOG_TWO_PI)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        v, body = theta[:, :1], theta[:, 1:]
        log_body = stats.norm.logpdf(body, scale=np.exp(0.5 * v)).sum(axis=-1)
        return stats.norm.logpdf(v[:, 0], scale=NECK_SD) + log_body

    def unbounded(n: int, rng: np.random.Generator) -> np.ndarray:
        v = NECK_SD * rng.standard_normal((n, 1))
        body = np.exp(0.5 * v) * rng.standard_normal((n, size - 1))
        return np.concatenate([v, body], axis=-1)

    body_sd = math.exp(0.25 * NECK_SD**2)
    whole = AnalyticTarget(
        name="funnel",
        names=names,
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=unbounded,
        log_evidence=0.0,
        mean=np.zeros(size),
        standard_deviation=np.array([NECK_SD] + [body_sd] * (size - 1)),
    )
    return _cut(whole) if bounded else whole


def _cut(whole: AnalyticTarget) -> AnalyticTarget:
    """Return the funnel inside its box, with the uniform prior of that box."""
    half_widths = np.array([NECK_BOUND] + [BODY_BOUND] * (whole.event_size - 1))
    mass, mean, deviation = _bounded_funnel(whole.event_size)
    bounds = np.stack([-half_widths, half_widths], axis=-1)
    return replace(
        whole,
        sampler=redrawn(whole.sampler, bounds=bounds),
        log_evidence=math.log(mass) - float(np.log(2.0 * half_widths).sum()),
        prior={
            name: stats.uniform(-half, 2.0 * half)
            for name, half in zip(whole.names, half_widths, strict=True)
        },
        mean=mean,
        standard_deviation=deviation,
    )


def _bounded_funnel(size: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return mass, means and sds inside the box, by quadrature over v."""
    v, step = np.linspace(-NECK_BOUND, NECK_BOUND, 20_001, retstep=True)
    sd = np.exp(0.5 * v)
    edge = BODY_BOUND / sd
    inside = special.erf(edge / math.sqrt(2.0))
    density = stats.norm.pdf(v, scale=NECK_SD) * inside ** (size - 1)
    mass = float(density.sum() * step)
    weight = density / density.sum()
    # Variance of a normal cut at +-edge standard deviations.
    body_variance = sd**2 * (1.0 - 2.0 * edge * stats.norm.pdf(edge) / inside)
    mean_v = float(weight @ v)
    sd_v = math.sqrt(weight @ (v - mean_v) ** 2)
    sd_body = math.sqrt(weight @ body_variance)
    mean = np.array([mean_v] + [0.0] * (size - 1))
    return mass, mean, np.array([sd_v] + [sd_body] * (size - 1))


def eggbox() -> AnalyticTarget:
    """Return the egg box: 18 separated modes of equal height in two dimensions.

    Log-likelihood (2 + cos(a/2) cos(b/2))^5, prior uniform on [0, 10 pi].
    """

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        return tf.pow(2.0 + tf.reduce_prod(tf.cos(0.5 * theta), axis=-1), 5)

    names = ("a", "b")
    return AnalyticTarget(
        name="eggbox",
        names=names,
        graph_fn=graph_fn,
        host_fn=_eggbox_host_fn,
        sampler=_eggbox_sampler,
        log_evidence=EGGBOX_LOG_EVIDENCE,
        prior=dict.fromkeys(names, stats.uniform(0.0, EGGBOX_SIZE)),
        mean=np.full(2, 0.5 * EGGBOX_SIZE),
    )


def _eggbox_host_fn(theta: np.ndarray) -> np.ndarray:
    return (2.0 + np.cos(theta[:, 0] / 2.0) * np.cos(theta[:, 1] / 2.0)) ** 5


def _eggbox_sampler(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw by rejection under a normal envelope around each mode.

    With u, v half the distances to the nearest mode, |u| + |v| <= pi holds, and there
    (2 + cos u cos v)^5 <= 243 - 24 (u^2 + v^2).
    """
    rate = 24.0
    modes = (
        2.0
        * math.pi
        * np.array([(i, j) for i in range(6) for j in range(6) if (i + j) % 2 == 0])
    )
    kept = np.empty((0, 2))
    while len(kept) < n:
        offset = rng.standard_normal((16 * n + 64, 2)) / math.sqrt(2.0 * rate)
        theta = modes[rng.integers(len(modes), size=len(offset))] + 2.0 * offset
        log_ratio = _eggbox_host_fn(theta) - 243.0 + rate * np.sum(offset**2, axis=-1)
        is_kept = np.log(rng.uniform(size=len(offset))) < log_ratio
        is_kept &= np.abs(offset).sum(axis=-1) <= math.pi
        is_kept &= np.all((theta >= 0.0) & (theta <= EGGBOX_SIZE), axis=-1)
        kept = np.concatenate([kept, theta[is_kept]])
    return kept[:n]
