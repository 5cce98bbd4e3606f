"""Temperatures and resampling for annealing from the reference to the target.

    log pi_b(x) = (1 - b) log reference(x) + b log target(x)

The next `b` is the largest at which the particles keep a given effective sample size.

Reference: Del Moral, Doucet and Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x.
"""

__all__ = ["effective_sample_size", "next_temperature", "systematic_resample"]

import math

import numpy as np
from scipy.special import logsumexp


def effective_sample_size(log_weight: np.ndarray) -> float:
    """Return (sum w)^2 / sum w^2; 0 if every weight is zero."""
    if not np.isfinite(log_weight.max(initial=-np.inf)):
        return 0.0
    return float(np.exp(2.0 * logsumexp(log_weight) - logsumexp(2.0 * log_weight)))


def next_temperature(
    log_ratio: np.ndarray, *, current: float, fraction: float
) -> float:
    """Return the next `b` in `(current, 1]`.

    Args:
        log_ratio: Log target minus log reference at the particles `[n]`.
        current: The present `b`.
        fraction: Effective sample size to keep, as a share of the particles.
    """
    usable = np.isfinite(log_ratio)
    wanted = fraction * max(usable.sum(), 1)

    def keeps(step: float) -> bool:
        return effective_sample_size(step * log_ratio[usable]) >= wanted

    whole = 1.0 - current
    if keeps(whole):
        return 1.0
    # Priors can be so wide that the first step is 1e-17: bisect the logarithm.
    low, high = math.log(1e-300), math.log(whole)
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if keeps(math.exp(middle)) else (low, middle)
    # A step too small to be seen beside `current` would never end.
    return max(current + math.exp(low), math.nextafter(current, 1.0))


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
