"""Evidence by bridge sampling between the draws of the chains and proposals of q.

    Z = E_q[pi / (s1 pi/Z + s2 q)] / E_p[q / (s1 pi/Z + s2 q)],    p = pi / Z

Meng and Wong's optimal bridge: Z is on both sides, and the fixed point is the zero of a
monotone function.  The shares are s1 : s2 = effective draws : proposals.  Unlike
importance sampling it forgives a q with too light tails, unlike the harmonic mean one
with too heavy tails.

The draws need not be split into a half that fits q and a half that is used, as is done
where q is fitted to the very draws: here q learned in warm-up alone, and is as
independent of the production draws as the chains are of their start.  What *is* shared
are proposals that an independence kernel accepted: they are draws too.  Where proposals
come by chain, the covariance of the two means is measured and counted.

Reference: Meng and Wong (1996), Statistica Sinica 6, 831; Fruehwirth-Schnatter (2004),
The Econometrics Journal 7, 143, for the error.
"""

__all__ = ["bridge_evidence"]

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logsumexp

from flowmc.sampling.evidence_chains import (
    MIN_DRAWS,
    effective_size,
    mean_error,
    shared_error,
)


def bridge_evidence(
    log_ratio_draws: Any, log_ratio_proposals: Any
) -> tuple[float, float] | None:
    """Return `(log Z, standard error)` from ratios log pi - log q.

    Args:
        log_ratio_draws: At the draws of C chains `[n, C]`; +inf where q is zero.
        log_ratio_proposals: At draws of q, -inf where pi is zero: `[m]` if they have
            nothing to do with the chains, `[k, C]` if chain c may have accepted those
            of column c, in the order of time.

    Returns:
        None where there are fewer than 8 draws a chain or 2 proposals, a NaN among
        them, or no point at which both densities are positive.
    """
    draws = np.asarray(log_ratio_draws, dtype=np.float64)
    proposals = np.asarray(log_ratio_proposals, dtype=np.float64)
    if draws.ndim != 2 or not _is_usable(draws, proposals):
        return None
    effective = float(draws.size)
    log_evidence = _fixed_point(draws, proposals, effective=effective)
    # The effective number is that of the bounded function that is averaged.
    effective = effective_size(_over_draws(draws, proposals, log_evidence, effective))
    log_evidence = _fixed_point(draws, proposals, effective=effective)
    return log_evidence, _error(draws, proposals, log_evidence, effective)


def _is_usable(draws: np.ndarray, proposals: np.ndarray) -> bool:
    if len(draws) < MIN_DRAWS or proposals.size < 2:
        return False
    if np.isnan(draws).any() or not np.all(proposals < np.inf):
        return False
    return bool(np.isfinite(draws).any() and np.isfinite(proposals).any())


def _fixed_point(
    draws: np.ndarray, proposals: np.ndarray, *, effective: float
) -> float:
    log_odds = math.log(effective / proposals.size)

    def excess(log_evidence: float) -> float:
        from_q = log_expit(proposals - log_evidence + log_odds)
        from_p = log_expit(log_evidence - draws - log_odds)
        return (
            float(logsumexp(from_q) - logsumexp(from_p))
            - math.log(proposals.size / draws.size)
            - log_odds
        )

    middle = float(np.median(proposals[np.isfinite(proposals)]))
    step = 1.0
    while excess(middle - step) < 0.0 or excess(middle + step) > 0.0:
        step *= 2.0
    return float(brentq(excess, middle - step, middle + step, xtol=1e-10))


def _over_draws(
    draws: np.ndarray, proposals: np.ndarray, log_evidence: float, effective: float
) -> np.ndarray:
    """Return q / (s1 pi/Z + s2 q) at the draws, up to a constant factor."""
    return expit(log_evidence - draws - math.log(effective / proposals.size))


def _error(
    draws: np.ndarray, proposals: np.ndarray, log_evidence: float, effective: float
) -> float:
    """Return the standard error of log Z at the fixed point.

    Z inside the two functions may be taken as known: to first order their ratio of
    means does not change with it.
    """
    log_odds = math.log(effective / proposals.size)
    over_q = expit(proposals - log_evidence + log_odds)
    over_p = _over_draws(draws, proposals, log_evidence, effective)
    error_q = float(np.std(over_q) / np.mean(over_q)) / math.sqrt(proposals.size)
    error_p = mean_error(over_p)
    shared = 0.0
    if proposals.ndim == 2:
        # Good proposals are accepted: one mean rises where the other falls.
        shared = shared_error(over_q, over_p, errors=(error_q, error_p))
    return math.sqrt(error_q**2 + error_p**2 - 2.0 * min(shared, 0.0))
