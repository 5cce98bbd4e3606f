"""Problems of the emcee benchmark: plain NumPy log-posteriors, starts and judges.

They load without TensorFlow and without flowmc, so that a peer in another interpreter
runs the very same functions.
"""

__all__ = ["PROBLEMS", "Problem", "arrays_of", "log_prob_of"]

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One target as an emcee user has it.

    Attributes:
        name: As on the command line.
        event_size: `D`.
        num_walkers: Of every contestant.
        bounds: `[D, 2]`, or None.
        start: Makes walkers `[num_walkers, D]` of a generator.
        num_adapt: Own steps our moves learn from.
        most: Evaluations after which a contestant is stopped.
    """

    name: str
    event_size: int
    num_walkers: int
    bounds: Any
    start: Callable[[np.random.Generator], np.ndarray]
    num_adapt: int
    most: int


def rosenbrock(theta: np.ndarray) -> np.ndarray:
    """Five pairs under a uniform prior on [-10, 10], up to a constant."""
    a, b = theta[:, ::2], theta[:, 1::2]
    value = -np.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2, axis=-1)
    return np.where(np.abs(theta).max(axis=1) < 10.0, value, -np.inf)


def mixture(theta: np.ndarray) -> np.ndarray:
    """A third of the mass at +5, the rest at -5, in a box of half-width 10."""
    upper = math.log(1.0 / 3.0) - 0.5 * np.sum((theta - 5.0) ** 2, axis=-1)
    lower = math.log(2.0 / 3.0) - 0.5 * np.sum((theta + 5.0) ** 2, axis=-1)
    value = np.logaddexp(upper, lower)
    return np.where(np.abs(theta).max(axis=1) < 10.0, value, -np.inf)


def k2_24(data: np.ndarray, regressors: np.ndarray) -> Callable:
    """Return the log-posterior of two planets, up to a constant.

    Args:
        data: Velocities and squares of their errors `[2, 32]`.
        regressors: `[4, 32]`.
    """
    velocity, variance = data
    mean = np.array([math.log(5.0), math.log(5.0), 0.0, 0.0, math.log(3.0)])
    scale = np.array([10.0, 10.0, 1.0, 0.1, 0.5])

    def log_prob(theta: np.ndarray) -> np.ndarray:
        factors = np.concatenate([np.exp(theta[:, :2]), theta[:, 2:4]], axis=1)
        total = variance + theta[:, 4:] ** 2
        weight = (1.0 / total).sum(axis=1)
        residual = velocity - factors @ regressors
        zero_point = (residual / total).sum(axis=1) / weight
        chi2 = ((residual - zero_point[:, None]) ** 2 / total).sum(axis=1)
        norm = np.log(total).sum(axis=1) + np.log(weight)
        prior = -0.5 * np.sum(((theta - mean) / scale) ** 2, axis=1)
        return prior - 0.5 * (chi2 + norm)

    return log_prob


def arrays_of(name: str) -> dict[str, np.ndarray]:
    """Return the arrays that a log-posterior is made of; here, with flowmc, alone."""
    if name != "k2_24":
        return {}
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    import k2_24 as example

    velocity, variance, regressors = example.data()
    return {"data": np.stack([velocity, variance]), "regressors": regressors}


def log_prob_of(name: str, arrays: dict[str, np.ndarray]) -> Callable:
    """Return the log-posterior of a problem; `arrays` are those it is made of."""
    if name == "k2_24":
        return k2_24(arrays["data"], arrays["regressors"])
    return {"rosenbrock10": rosenbrock, "mixture10": mixture}[name]


def _around_k2_24(random: np.random.Generator) -> np.ndarray:
    guess = np.array([1.5, 1.3, -0.03, 0.002, 2.2])
    scale = np.array([0.2, 0.2, 0.02, 0.0007, 0.3])
    return guess + scale * random.standard_normal((32, 5))


def _both(random: np.random.Generator) -> np.ndarray:
    """Half of the walkers at either mode."""
    sign = np.where(np.arange(64) % 2, 5.0, -5.0)[:, None]
    return sign + random.normal(size=(64, 10))


_BOX = [(-10.0, 10.0)] * 10
PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("k2_24", 5, 32, None, _around_k2_24, 200, 200_000),
        Problem(
            "rosenbrock10",
            10,
            40,
            _BOX,
            lambda random: random.uniform(-10.0, 10.0, size=(40, 10)),
            4000,
            800_000,
        ),
        Problem("mixture10", 10, 64, _BOX, _both, 300, 100_000),
    )
}
