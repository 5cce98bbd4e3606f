"""Evidence by importance sampling from the frozen proposal.

    Z = mean of pi(x_i) / q(x_i),    x_i ~ q, independent

Unbiased for Z; the logarithm of an unbiased estimate is low by half its relative
variance, which is added back.  Proposals of zero density count in the mean: leaving
them out would bias Z upward.
"""

__all__ = ["importance_evidence"]

import math

import numpy as np
from scipy.special import logsumexp


def importance_evidence(log_weight: np.ndarray) -> tuple[float, float] | None:
    """Return `(log Z, standard error)` from log weights `[n]`, -inf for zero.

    Returns None where no weight is positive, or there are fewer than two.
    """
    n = len(log_weight)
    if n < 2 or not np.isfinite(log_weight).any():
        return None
    log_mean = float(logsumexp(log_weight)) - math.log(n)
    relative = np.exp(log_weight - log_mean)
    variance = float(np.var(relative, ddof=1)) / n
    return log_mean + 0.5 * variance, math.sqrt(variance)
