"""Evidence from what a frozen run leaves behind, by three estimators that fail apart.

Importance sampling:

    Z = mean of pi(x_i) / q(x_i),    x_i ~ q, independent

Unbiased for Z; the logarithm of an unbiased estimate is low by half its relative
variance, which is added back.  Proposals of zero density count in the mean: leaving
them out would bias Z upward.  `collect_evidence` adds bridge sampling and the learned
harmonic mean.
"""

__all__ = ["collect_evidence", "importance_evidence"]

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from flowmc.sampling.evidence_bridge import bridge_evidence
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.evidence_harmonic import Outside, harmonic_evidence

MAX_DRAWS = 20_000  # that models are evaluated at
Evidences = dict[str, tuple[float, float]]


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


def collect_evidence(
    x: np.ndarray,
    log_prob: np.ndarray,
    *,
    proposal_x: np.ndarray,
    proposal_log_weight: np.ndarray,
    proposal: Any = None,
    model: Any = None,
    max_draws: int = MAX_DRAWS,
) -> tuple[Evidences, np.ndarray | None]:
    """Return the evidences by method, and log q of the draws.

    No evaluation of the target is spent.  Methods that have nothing to go by are left
    out.

    Args:
        x: Production draws `[n, C, D]`, unconstrained.
        log_prob: Log-density of `x` `[n, C]`.
        proposal_x: All scored proposals `[m, D]`.
        proposal_log_weight: Their log pi - log q, -inf outside `[m]`. Where m is a
            multiple of C they are taken as `[m / C, C]`, chain by chain.
        proposal: The frozen density they came from; None for a VAE, whose weights
            are right all the same, but which cannot score a draw.
        model: A flow for the harmonic mean; None, or a model that is no map, for a
            normal.
        max_draws: Most draws at which `proposal` and `model` are evaluated, every k-th
            of all.

    Returns:
        Method ("importance", "bridge", "harmonic") -> (log Z, standard error), and log
        q `[n, C]`: None without `proposal`, or if there are more draws than
        `max_draws`.
    """
    step = max(1, -(-log_prob.size // max_draws))
    thin_x, thin_log_prob = x[::step], log_prob[::step]
    found = {"importance": importance_evidence(proposal_log_weight)}
    is_zero = np.isneginf(proposal_log_weight)
    outside, log_q = None, None
    if proposal is not None:
        log_q = _log_prob(proposal, thin_x)
        by_chain = _by_chain(proposal_log_weight, x.shape[1])
        found["bridge"] = bridge_evidence(thin_log_prob - log_q, by_chain)
        outside = _outside(proposal_x, is_zero, proposal, max_draws)
    if proposal is not None or not is_zero.any():
        flow = model if hasattr(model, "inverse_and_log_det") else None
        found["harmonic"] = harmonic_evidence(
            thin_x, thin_log_prob, flow, outside=outside
        )
    known = {name: value for name, value in found.items() if value is not None}
    return known, (log_q if step == 1 else None)


def _log_prob(model: Any, x: np.ndarray) -> np.ndarray:
    (values,) = in_batches(model.log_prob, x.reshape(-1, x.shape[-1]))
    return values.reshape(x.shape[:-1])


def _by_chain(log_weight: np.ndarray, num_chains: int) -> np.ndarray:
    if len(log_weight) % num_chains:
        return log_weight
    return log_weight.reshape(-1, num_chains)


def _outside(
    x: np.ndarray, is_zero: np.ndarray, proposal: Any, max_points: int
) -> Outside | None:
    """Return the proposals of zero density among the first `max_points`."""
    chosen = np.flatnonzero(is_zero[:max_points])
    if not len(chosen):
        return None
    return Outside(x[chosen], _log_prob(proposal, x[chosen]), len(is_zero[:max_points]))
