"""Effective sizes and resampling of weighted particles.

Reference: Del Moral, Doucet and Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x.
"""

__all__ = ["effective_sample_size", "systematic_resample"]

import numpy as np
from scipy.special import logsumexp


def effective_sample_size(log_weight: np.ndarray) -> float:
    """Return (sum w)^2 / sum w^2; 0 if every weight is zero."""
    if not np.isfinite(log_weight.max(initial=-np.inf)):
        return 0.0
    return float(np.exp(2.0 * logsumexp(log_weight) - logsumexp(2.0 * log_weight)))


def systematic_resample(
    log_weight: np.ndarray, *, random: np.random.Generator, n: int | None = None
) -> np.ndarray:
    """Return the indices of `n` resampled particles (as many as given by default)."""
    n = n or len(log_weight)
    weight = np.exp(log_weight - logsumexp(log_weight))
    grid = (np.arange(n) + random.uniform()) / n
    edges = np.cumsum(weight)
    return np.searchsorted(edges / edges[-1], grid, side="right").clip(
        0, len(weight) - 1
    )
