"""Posteriors with known expectations and evidence, for both samplers.

A linear regression (normal, in closed form); one of every kind of bound, and two angles
with their mode at the cut; and those of `flowmc.targets` that bend or have two modes.
"""

__all__ = ["Problem", "bounded", "from_known", "regression"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import special, stats

from flowmc.targets import AnalyticTarget, Target
from flowmc.validation.estimates import Functions

PRIOR_SD, NOISE = 2.0, 0.5  # of the regression
DESIGN = np.array([[1, 0, 0], [1, 1, 0], [1, 2, 1], [1, 3, -1], [1, 4, 2]], float)
DATA = np.array([0.3, 1.1, 1.9, 3.4, 3.8])
MEASURED, WIDTH = 1.0, 0.5  # of the parameter with a cut normal prior
CUT = (0.0, 3.0)
PULL = (1.0, 2.0)  # of the first angle to the cut, and of the second to the first


@dataclass(frozen=True, eq=False)
class Problem:
    """A posterior and what is known of it.

    Attributes:
        target: Makes the target.
        functions: Name -> function of theta `[..., D] -> [...]`.
        truths: Name -> its expectation.
        log_evidence: Log of the integral of prior times likelihood.
    """

    target: Callable[[], Target]
    functions: Functions
    truths: Mapping[str, float]
    log_evidence: float


def regression() -> Problem:
    """Return a linear regression with normal prior and noise, three parameters."""
    covariance = np.linalg.inv(DESIGN.T @ DESIGN / NOISE**2 + np.eye(3) / PRIOR_SD**2)
    mean = covariance @ DESIGN.T @ DATA / NOISE**2
    marginal = NOISE**2 * np.eye(5) + PRIOR_SD**2 * DESIGN @ DESIGN.T
    constant = -len(DATA) * math.log(NOISE * math.sqrt(2.0 * math.pi))

    def log_likelihood(theta: tf.Tensor) -> tf.Tensor:
        residual = (DATA - tf.linalg.matmul(theta, DESIGN, transpose_b=True)) / NOISE
        return constant - 0.5 * tf.reduce_sum(tf.square(residual), axis=-1)

    names = ("offset", "slope", "bend")
    prior = dict.fromkeys(names, stats.norm(0.0, PRIOR_SD))
    functions, truths = _moments(names, mean, np.sqrt(np.diag(covariance)))
    functions["cov(offset, slope)"] = lambda theta: (
        (theta[..., 0] - mean[0]) * (theta[..., 1] - mean[1])
    )
    truths["cov(offset, slope)"] = float(covariance[0, 1])
    return Problem(
        target=lambda: Target(
            log_likelihood_fn=log_likelihood, prior=prior, backend="tensorflow"
        ),
        functions=functions,
        truths=truths,
        log_evidence=float(stats.multivariate_normal(cov=marginal).logpdf(DATA)),
    )


def bounded(backend: str = "tensorflow") -> Problem:
    """Return parameters on a ray, in boxes and on the circle.

    The prior is a gamma, a beta, a cut normal and two uniform angles; the likelihood
    exp(-rate) (1 + share) / 2 N(1; level, 1/2) exp(-k cos a + l cos(b - a)).

    Args:
        backend: "tensorflow" or "numpy", which has the likelihood written apart.
    """
    variance = 1.0 / (1.0 + WIDTH**-2)
    mean, sd = variance * MEASURED / WIDTH**2, math.sqrt(variance)
    inside = [(edge - mean) / sd for edge in CUT]
    level = stats.truncnorm(*inside, mean, sd)
    kept = np.diff(special.ndtr(inside))[0] / np.diff(special.ndtr(CUT))[0]
    pull = [float(special.i1(k) / special.i0(k)) for k in PULL]
    function = {"tensorflow": _graph_bounded, "numpy": _host_bounded}[backend]
    prior = {
        "rate": stats.gamma(2.0),
        "share": stats.beta(2.0, 3.0, -1.0, 2.0),
        "level": stats.truncnorm(*CUT),
        **dict.fromkeys(("a", "b"), stats.uniform(-math.pi, 2.0 * math.pi)),
    }
    names = ("rate", "share", "level")
    center = np.array([1.0, 0.0, level.mean()])
    functions, truths = _moments(names, center, np.sqrt([0.5, 1.0 / 7.0, level.var()]))
    angles: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
        "cos a": (lambda theta: np.cos(theta[..., 3]), -pull[0]),
        "sin a": (lambda theta: np.sin(theta[..., 3]), 0.0),
        "cos b": (lambda theta: np.cos(theta[..., 4]), -pull[0] * pull[1]),
        "cos(b - a)": (lambda theta: np.cos(theta[..., 4] - theta[..., 3]), pull[1]),
    }
    return Problem(
        target=lambda: Target(
            log_likelihood_fn=function,
            prior=prior,
            periodic=("a", "b"),
            backend=backend,
        ),
        functions=functions | {name: pair[0] for name, pair in angles.items()},
        truths=truths | {name: pair[1] for name, pair in angles.items()},
        log_evidence=float(
            math.log(0.25 * 0.4 * kept)
            + stats.norm.logpdf(MEASURED, scale=math.hypot(1.0, WIDTH))
            + sum(math.log(special.i0(k)) for k in PULL)
        ),
    )


def from_known(known: AnalyticTarget, *, has_modes: bool = False) -> Problem:
    """Return a target of `flowmc.targets` with its means and variances.

    Args:
        known: One whose moments are known.
        has_modes: Whether the first coordinate's sign tells two modes apart, whose
            weight is then checked in place of the variances.
    """
    mean: Any = known.mean
    deviation: Any = known.standard_deviation
    functions, truths = _moments(known.names, mean, deviation)
    if has_modes:
        # E[x] = s (2 w - 1) and E[x^2] = 1 + s^2 for modes at +-s, of sd 1.
        offset = math.sqrt(deviation[0] ** 2 + mean[0] ** 2 - 1.0)
        functions = {"weight of a mode": lambda theta: 1.0 * (theta[..., 0] > 0.0)}
        truths = {"weight of a mode": float(0.5 * (1.0 + mean[0] / offset))}
    return Problem(known.target, functions, truths, known.log_evidence)


def _moments(names: Any, mean: Any, sd: Any) -> tuple[dict, dict]:
    """Return functions and truths of means and variances, by name."""
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    truths: dict[str, float] = {}
    for index, (name, center, width) in enumerate(zip(names, mean, sd, strict=True)):
        functions[f"E[{name}]"] = partial(_coordinate, index=index)
        truths[f"E[{name}]"] = float(center)
        functions[f"Var[{name}]"] = partial(_square, index=index, center=center)
        truths[f"Var[{name}]"] = float(width**2)
    return functions, truths


def _coordinate(theta: np.ndarray, *, index: int) -> np.ndarray:
    return theta[..., index]


def _square(theta: np.ndarray, *, index: int, center: float) -> np.ndarray:
    return np.square(theta[..., index] - center)


def _graph_bounded(theta: tf.Tensor) -> tf.Tensor:
    rate, share, level, a, b = tf.unstack(theta, axis=-1)
    normal = -0.5 * tf.square((MEASURED - level) / WIDTH) - math.log(
        WIDTH * math.sqrt(2.0 * math.pi)
    )
    angles = -PULL[0] * tf.cos(a) + PULL[1] * tf.cos(b - a)
    return -rate + tf.math.log(0.5 * (1.0 + share)) + normal + angles


def _host_bounded(theta: np.ndarray) -> np.ndarray:
    rate, share, level, a, b = theta.T
    normal = stats.norm.logpdf(MEASURED, level, WIDTH)
    angles = -PULL[0] * np.cos(a) + PULL[1] * np.cos(b - a)
    return -rate + np.log((1.0 + share) / 2.0) + normal + angles
