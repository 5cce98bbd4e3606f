"""Rosenbrock pairs: D/2 independent curved ridges, with three priors.

Log-likelihood: the sum over pairs of -10 (a^2 - b)^2 - (a - 1)^2.  Random walks crawl
along the ridges; flows fitted to half of a ridge do not find the other half.
"""

__all__ = ["rosenbrock"]

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats

from flowmc.core.checks import check_choice, check_event_size
from flowmc.core.errors import ConfigurationError
from flowmc.targets.analytic import AnalyticTarget, Sampler, redrawn

HALF_WIDTH = 10.0  # of the uniform prior
PRIOR_SD = 3.0  # of the normal prior


class PairTruth(NamedTuple):
    """What is known of one pair (a, b)."""

    log_evidence: float
    mean: tuple[float, float]
    standard_deviation: tuple[float, float]


def rosenbrock(
    event_size: int = 10, *, prior: str | None = "uniform"
) -> AnalyticTarget:
    """Return D/2 Rosenbrock pairs, with names a0, b0, a1, b1, ...

    Args:
        event_size: D, even.
        prior: "uniform" on [-10, 10], "normal" with sd 3, or None (flat, improper:
            the density is the likelihood).

    Raises:
        ConfigurationError: D is odd, or the prior unknown.
    """
    if check_event_size(event_size) % 2:
        raise ConfigurationError(f"`event_size` must be even; got {event_size}.")
    if prior is not None:
        check_choice(prior, name="prior", choices=["uniform", "normal"])
    num_pairs = event_size // 2
    names = tuple(f"{letter}{k}" for k in range(num_pairs) for letter in "ab")
    truth = _pair_truth(prior)
    law = {
        None: None,
        "uniform": stats.uniform(-HALF_WIDTH, 2.0 * HALF_WIDTH),
        "normal": stats.norm(0.0, PRIOR_SD),
    }[prior]
    return AnalyticTarget(
        name="rosenbrock",
        names=names,
        graph_fn=_graph_fn,
        host_fn=_host_fn,
        sampler=_in_pairs(_pair_sampler(prior), num_pairs=num_pairs),
        log_evidence=num_pairs * truth.log_evidence,
        prior=None if law is None else dict.fromkeys(names, law),
        mean=np.tile(truth.mean, num_pairs),
        standard_deviation=np.tile(truth.standard_deviation, num_pairs),
    )


def _graph_fn(theta: tf.Tensor) -> tf.Tensor:
    a, b = theta[:, ::2], theta[:, 1::2]
    terms = 10.0 * tf.square(tf.square(a) - b) + tf.square(a - 1.0)
    return -tf.reduce_sum(terms, axis=-1)


def _host_fn(theta: np.ndarray) -> np.ndarray:
    pairs = theta.reshape(len(theta), -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return -np.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2, axis=-1)


def _in_pairs(sampler: Sampler, *, num_pairs: int) -> Sampler:
    def draw(n: int, rng: np.random.Generator) -> np.ndarray:
        return sampler(n * num_pairs, rng).reshape(n, 2 * num_pairs)

    return draw


def _pair_sampler(prior: str | None) -> Sampler:
    if prior == "normal":
        return _normal_prior_pairs
    if prior is None:
        return _flat_prior_pairs
    box = np.tile([-HALF_WIDTH, HALF_WIDTH], (2, 1))
    return redrawn(_flat_prior_pairs, bounds=box)


def _flat_prior_pairs(n: int, rng: np.random.Generator) -> np.ndarray:
    a = 1.0 + math.sqrt(0.5) * rng.standard_normal(n)
    return np.stack([a, a**2 + math.sqrt(0.05) * rng.standard_normal(n)], axis=-1)


def _normal_prior_pairs(n: int, rng: np.random.Generator) -> np.ndarray:
    variance = PRIOR_SD**2
    grid = np.linspace(-8.0, 8.0, 200_001)
    # b is integrated out: a^2 - b has variance 1/20 given a, and b has the prior's.
    log_density = -((grid - 1.0) ** 2) - grid**2 / (2.0 * variance)
    log_density -= grid**4 / (2.0 * (variance + 0.05))
    cumulative = np.cumsum(np.exp(log_density - log_density.max()))
    a = np.interp(rng.uniform(size=n), cumulative / cumulative[-1], grid)
    precision = 20.0 + 1.0 / variance
    b = 20.0 * a**2 / precision + rng.standard_normal(n) / math.sqrt(precision)
    return np.stack([a, b], axis=-1)


@cache
def _pair_truth(prior: str | None) -> PairTruth:
    """Integrate one pair numerically on a grid of a and of b - a^2."""
    a, width_a = np.linspace(-9.0, 9.0, 2401, retstep=True)
    offset, width_b = np.linspace(-3.0, 3.0, 1201, retstep=True)
    b = a[:, None] ** 2 + offset
    density = np.exp(-10.0 * offset**2 - (a[:, None] - 1.0) ** 2)
    density *= _prior_density(prior)(a[:, None]) * _prior_density(prior)(b)
    total = density.sum()
    mean_a = float(np.sum(density.sum(axis=1) * a) / total)
    mean_b = float(np.sum(density * b) / total)
    variance_a = float(np.sum(density.sum(axis=1) * (a - mean_a) ** 2) / total)
    variance_b = float(np.sum(density * (b - mean_b) ** 2) / total)
    return PairTruth(
        log_evidence=math.log(total * width_a * width_b),
        mean=(mean_a, mean_b),
        standard_deviation=(math.sqrt(variance_a), math.sqrt(variance_b)),
    )


def _prior_density(prior: str | None) -> Callable[[np.ndarray], np.ndarray]:
    if prior is None:
        return np.ones_like
    if prior == "normal":
        return stats.norm(0.0, PRIOR_SD).pdf
    return stats.uniform(-HALF_WIDTH, 2.0 * HALF_WIDTH).pdf
