"""Effective sizes, truncation and resampling of weighted particles.

Reference: Del Moral, Doucet and Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x;
Ionides (2008), doi:10.1198/106186008X320456 (truncated importance sampling).
"""

__all__ = [
    "effective_sample_size",
    "expected_acceptance",
    "systematic_resample",
    "truncate",
]

import numpy as np
from scipy.special import logsumexp


def effective_sample_size(log_weight: np.ndarray) -> float:
    """Return (sum w)^2 / sum w^2; 0 if every weight is zero."""
    if not np.isfinite(log_weight.max(initial=-np.inf)):
        return 0.0
    return float(np.exp(2.0 * logsumexp(log_weight) - logsumexp(2.0 * log_weight)))


def truncate(log_weight: np.ndarray) -> np.ndarray:
    """Return the log weights `[n]`, none above the mean weight times sqrt(n).

    The mean is that of the weights as they are: one that outweighs all others together
    still does, and any milder tail is held back.  The bound falls away as n grows.
    """
    if not np.isfinite(log_weight.max(initial=-np.inf)):
        return log_weight
    most = logsumexp(log_weight) - 0.5 * np.log(len(log_weight))
    return np.minimum(log_weight, most)


def expected_acceptance(log_weight: np.ndarray) -> float:
    """Return the acceptance of independence steps with these proposals `[n]`.

    The mean of min(1, w_j / w_i) over proposals j and, with weights w, states i.
    """
    if not np.isfinite(log_weight.max(initial=-np.inf)):
        return 0.0
    weight = np.sort(np.exp(log_weight - log_weight.max()))
    above = 2.0 * np.arange(len(weight))[::-1] + 1.0  # pairs in which it is the less
    return float(weight @ above / (len(weight) * weight.sum()))


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
