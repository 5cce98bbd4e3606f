"""Affine fit of draws: location and scale that whiten them, whatever their scales.

Works on correlations of standardized coordinates, so that scales from 1e-30 to 1e30 do
not matter, and shrinks toward the diagonal where the draws are too few or too alike.

Reference: Chen, Wiesel, Eldar and Hero (2010), oracle approximating shrinkage.
"""

__all__ = ["AffineFit", "fit_affine", "shrunk_cholesky", "standardize"]

from typing import Any, NamedTuple

import numpy as np

from flowmc.core.checks import check_finite, check_matrix
from flowmc.core.errors import ConfigurationError

ENOUGH_DRAWS = 10  # effective draws per coordinate above which nothing is shrunk
SMALLEST_EIGENVALUE = 1e-11  # of a correlation matrix, for a safe Cholesky factor


class AffineFit(NamedTuple):
    """x = location + scale_tril @ z, with z of zero mean and unit covariance."""

    location: np.ndarray  # [D]
    scale_tril: np.ndarray  # [D, D], lower triangular, positive diagonal
    note: str  # "" or one sentence on what was shrunk


class Standardized(NamedTuple):
    """Draws on a common scale: x = center + scale * values."""

    values: np.ndarray  # [n, D]
    center: np.ndarray  # [D]
    scale: np.ndarray  # [D], positive
    note: str


def fit_affine(x: Any, weights: Any = None) -> AffineFit:
    """Fit mean and covariance of weighted draws.

    Args:
        x: Draws `[n, D]`, n >= 1, finite.
        weights: Non-negative weights `[n]`, or None.

    Returns:
        Location, Cholesky factor of the covariance, and a note, empty unless the
        covariance had to be shrunk or a coordinate does not vary.

    Raises:
        ConfigurationError: Draws or weights are empty, not finite or misshapen.
    """
    x, weights = check_draws(x, weights)
    draws = standardize(x, weights)
    mean = weights @ draws.values
    residuals = draws.values - mean
    covariance = (residuals.T * weights) @ residuals
    num_effective = 1.0 / np.sum(weights**2)
    # The usual n / (n - 1), held at 2 where nearly all weight is on one draw.
    covariance *= max(num_effective, 2.0) / (max(num_effective, 2.0) - 1.0)
    factor, note = shrunk_cholesky(covariance, num_effective=num_effective)
    return AffineFit(
        location=draws.center + draws.scale * mean,
        scale_tril=draws.scale[:, None] * factor,
        note=" ".join(filter(None, [draws.note, note])),
    )


def check_draws(x: Any, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 draws `[n, D]` and weights `[n]` that sum to 1."""
    x = check_finite(check_matrix(x, name="x"), name="x")
    if not x.size:
        raise ConfigurationError(f"`x` must hold a draw; got shape {list(x.shape)}.")
    if weights is None:
        return x, np.full(len(x), 1.0 / len(x))
    weights = check_finite(np.asarray(weights, np.float64), name="weights")
    if weights.shape != (len(x),) or weights.min() < 0.0 or not weights.max() > 0.0:
        raise ConfigurationError(
            f"`weights` must be {len(x)} non-negative numbers, not all zero; got "
            f"shape {list(weights.shape)}."
        )
    weights = weights / weights.max()
    return x, weights / weights.sum()


def standardize(x: np.ndarray, weights: np.ndarray) -> Standardized:
    """Return `x` shifted and scaled to unit spread in every coordinate.

    A coordinate that does not vary gets a scale of 1e-3 of its size (1 at zero).
    """
    used = x[weights > 0.0]
    center = used[0] + weights[weights > 0.0] @ (used - used[0])
    deviation = x - center
    # Divided by the largest one first: squares of 1e-200 would vanish.
    largest = np.abs(used - center).max(axis=0)
    unit = deviation / np.where(largest > 0.0, largest, 1.0)
    scale = largest * np.sqrt(weights @ unit**2)
    size = np.abs(center)
    is_constant = scale <= 8.0 * np.finfo(np.float64).eps * size
    floor = np.where(size > 0.0, 1e-3 * size, 1.0)
    scale = np.where(is_constant, floor, scale)
    note = ""
    if is_constant.any():
        where = ", ".join(str(index) for index in np.flatnonzero(is_constant))
        note = (
            f"Coordinates {where} do not vary over the draws; their scale is a guess."
        )
    return Standardized(deviation / scale, center, scale, note)


def shrunk_cholesky(
    covariance: np.ndarray, *, num_effective: float
) -> tuple[np.ndarray, str]:
    """Return the Cholesky factor of a covariance shrunk as far as it needs, and a note.

    Args:
        covariance: `[D, D]`, positive semi-definite, of order one.
        num_effective: Effective number of draws behind it.

    Returns:
        The factor `[D, D]` and "" or a sentence.
    """
    variance = np.diag(covariance).copy()
    variance[~(variance > 0.0)] = 1.0
    spread = np.sqrt(variance)
    correlation = covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    amount = _shrinkage(correlation, num_effective=num_effective)
    note = f"Correlations were shrunk by {amount:.2g}: " if amount > 0.0 else ""
    correlation = (1.0 - amount) * correlation + amount * np.eye(len(correlation))
    smallest = np.linalg.eigvalsh(correlation)[0]
    if smallest < SMALLEST_EIGENVALUE:
        lift = SMALLEST_EIGENVALUE - min(smallest, 0.0)
        correlation = (correlation + lift * np.eye(len(correlation))) / (1.0 + lift)
        note = note or "Correlations were shrunk slightly: the draws lie in a plane; "
    if note:
        note += f"{num_effective:.3g} effective draws in {len(correlation)} dimensions."
    return spread[:, None] * np.linalg.cholesky(correlation), note


def _shrinkage(correlation: np.ndarray, *, num_effective: float) -> float:
    """Return the weight of the identity; 0 where there are draws enough."""
    size = len(correlation)
    if size == 1 or num_effective >= ENOUGH_DRAWS * size:
        return 0.0
    squares = float(np.sum(correlation**2))
    excess = squares - size  # tr(R^2) - tr(R)^2 / D
    if excess <= 0.0:
        return 1.0
    above = (1.0 - 2.0 / size) * squares + size**2
    below = (num_effective + 1.0 - 2.0 / size) * excess
    return float(np.clip(above / below, 0.0, 1.0))
