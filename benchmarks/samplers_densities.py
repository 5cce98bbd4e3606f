"""Log-densities of the benchmarks in plain NumPy, for interpreters without flowmc."""

__all__ = ["DENSITIES", "Density"]

from collections.abc import Callable
from typing import Any

import numpy as np

Density = Callable[[np.ndarray], np.ndarray]


def rosenbrock(stored: Any) -> Density:
    """Return the log-likelihood of five pairs."""

    def density(theta):
        a, b = theta[:, ::2], theta[:, 1::2]
        return -np.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2, axis=-1)

    return density


def mixture(stored: Any) -> Density:
    """Return the log-density of two normals at +5 and -5."""

    def density(theta):
        upper = np.log(1.0 / 3.0) - 0.5 * np.sum((theta - 5.0) ** 2, axis=-1)
        lower = np.log(2.0 / 3.0) - 0.5 * np.sum((theta + 5.0) ** 2, axis=-1)
        size = theta.shape[-1]
        return np.logaddexp(upper, lower) - 0.5 * size * np.log(2.0 * np.pi)

    return density


def funnel(stored: Any) -> Density:
    """Return the log-density of the funnel, sd 3 of its neck."""

    def density(theta):
        v, body = theta[:, 0], theta[:, 1:]
        size = theta.shape[-1]
        neck = (v / 3.0) ** 2 + 2.0 * np.log(3.0) + (size - 1) * v
        squares = np.sum(body**2, axis=-1) * np.exp(-v)
        return -0.5 * (neck + squares + size * np.log(2.0 * np.pi))

    return density


def eggbox(stored: Any) -> Density:
    """Return the log-likelihood of the eggbox."""

    def density(theta):
        return (2.0 + np.cos(theta[:, 0] / 2.0) * np.cos(theta[:, 1] / 2.0)) ** 5

    return density


def gaussian(stored: Any) -> Density:
    """Return the log-density of a centred normal law from its precision."""
    precision = stored["precision"]
    return lambda theta: -0.5 * np.einsum("ni,ij,nj->n", theta, precision, theta)


def radial_velocities(stored: Any) -> Density:
    """Return the log-likelihood of the K2-24 velocities, zero point integrated out."""
    velocity, squares, regressors = (
        stored[name] for name in ("velocity", "variance", "regressors")
    )

    def density(theta):
        factors = np.concatenate([np.exp(theta[:, :2]), theta[:, 2:4]], axis=1)
        variance = squares + theta[:, 4:] ** 2
        total = np.sum(1.0 / variance, axis=1)
        residual = velocity - factors @ regressors
        zero_point = np.sum(residual / variance, axis=1) / total
        chi_square = np.sum((residual - zero_point[:, None]) ** 2 / variance, axis=1)
        log_norms = np.sum(np.log(2.0 * np.pi * variance), axis=1)
        return -0.5 * (chi_square + log_norms - np.log(2.0 * np.pi / total))

    return density


DENSITIES = {
    "rosenbrock10": rosenbrock,
    "rosenbrock10_normal": rosenbrock,
    "k2_24": radial_velocities,
    "mixture10": mixture,
    "funnel10": funnel,
    "eggbox": eggbox,
    "illcond50": gaussian,
}
