"""Multivariate Student-t fit at fixed degrees of freedom: an outlier-proof affine fit.

The sample covariance of heavy-tailed draws does not settle; this does.  It gives the
defensive part of a proposal its location and scatter.

Reference: Kent, Tyler and Vardi (1994) for the accelerated EM step used here.
"""

__all__ = ["StudentFit", "fit_student"]

from typing import Any, NamedTuple

import numpy as np

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.transforms.whitening import check_draws, shrunk_cholesky

LOW_QUANTILE, HIGH_QUANTILE = 0.1587, 0.8413  # of a normal: minus and plus one sd
# Many copies of one draw would pull the scatter to zero; in robust units.
SMALLEST_VARIANCE = 1e-6


class StudentFit(NamedTuple):
    """t_nu(location, scale_tril @ scale_tril.T); the scatter is no covariance."""

    location: np.ndarray  # [D]
    scale_tril: np.ndarray  # [D, D], lower triangular, positive diagonal
    note: str  # "" or one sentence on what was shrunk


def fit_student(
    x: Any,
    weights: Any = None,
    *,
    degrees_of_freedom: float = 2.0,
    max_iterations: int = 200,
    tolerance: float = 1e-7,
) -> StudentFit:
    """Fit location and scatter by weighted maximum likelihood.

    Args:
        x: Draws `[n, D]`, n >= 1, finite.
        weights: Non-negative weights `[n]`, or None.
        degrees_of_freedom: Fixed nu > 0; small values resist outliers.
        max_iterations: Bound on EM steps.
        tolerance: Stop when no entry moves by more, in units of the scale.

    Returns:
        Location, Cholesky factor of the scatter, and a note as from `fit_affine`.

    Raises:
        ConfigurationError: Draws, weights or settings are unusable.
    """
    if not degrees_of_freedom > 0.0:
        raise ConfigurationError(
            f"`degrees_of_freedom` must be positive; got {degrees_of_freedom!r}."
        )
    check_positive_integer(max_iterations, name="max_iterations")
    x, weights = check_draws(x, weights)
    center, scale = _robust_scale(x, weights)
    values = (x - center) / scale
    num_effective = 1.0 / np.sum(weights**2)
    location = np.zeros(x.shape[1])
    factor, note = np.eye(x.shape[1]), ""
    for _ in range(max_iterations):
        before = location, factor
        location, scatter = _em_step(
            values, weights, location, factor, degrees_of_freedom
        )
        factor, note = shrunk_cholesky(scatter, num_effective=num_effective)
        moved = max(
            np.abs(location - before[0]).max(), np.abs(factor - before[1]).max()
        )
        if moved < tolerance:
            break
    return StudentFit(center + scale * location, scale[:, None] * factor, note)


def _em_step(
    values: np.ndarray,
    weights: np.ndarray,
    location: np.ndarray,
    factor: np.ndarray,
    degrees_of_freedom: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next location and scatter; distant draws count little."""
    residuals = values - location
    distance = np.sum(np.linalg.solve(factor, residuals.T) ** 2, axis=0)
    pull = weights / (degrees_of_freedom + distance)
    location = pull @ values / pull.sum()
    residuals = values - location
    # Dividing by the sum of the pulls is the accelerated step: the factor nu + D of
    # the usual one cancels, and the fixed point is the same.
    scatter = (residuals.T * pull) @ residuals / pull.sum()
    variance = np.diag(scatter)
    floor = np.where(variance > 0.0, SMALLEST_VARIANCE, 1.0)
    return location, scatter + np.diag(np.maximum(floor - variance, 0.0))


def _robust_scale(x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted medians and half-widths of the central 68 %, all positive."""
    order = np.argsort(x, axis=0, kind="stable")
    ordered = np.take_along_axis(x, order, axis=0)
    cumulative = np.cumsum(weights[order], axis=0)
    low, center, high = (
        ordered[np.minimum((cumulative < level).sum(axis=0), len(x) - 1), columns]
        for columns in [np.arange(x.shape[1])]
        for level in (LOW_QUANTILE, 0.5, HIGH_QUANTILE)
    )
    half = 0.5 * (high - low)
    # More than two thirds of the draws equal: fall back on the whole range.
    half = np.where(half > 0.0, half, ordered[-1] - ordered[0])
    size = np.abs(center)
    is_constant = half <= 8.0 * np.finfo(np.float64).eps * size
    return center, np.where(is_constant, np.where(size > 0, 1e-3 * size, 1.0), half)
