"""Independent proposals, accepted or not, as weighted draws: no evaluation is wasted.

A jump is scored against the target whether it is taken or not.  Its weight pi/q says
what it is worth; together the proposals of a sweep stand for as many draws as their
effective size.

Reference: Cornuet, Marin, Mira and Robert (2012), doi:10.1111/j.1467-9469.2011.00756.x.
"""

__all__ = ["Recycled", "recycle", "worth_learning"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from flowmc.core.seeds import generator
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.latent import is_latent
from flowmc.sampling.sweep import SweepRecord
from flowmc.sampling.temper import effective_sample_size, systematic_resample

LEAST_EFFECTIVE = 50.0  # fewer say little, and one of them would say most of it
NEGLIGIBLE = 1e-4  # of the largest weight


class Recycled(NamedTuple):
    """Proposals that count."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], of the density that they were weighted for
    worth: np.ndarray  # [n], draws that each stands for


def recycle(learner: Any, x: np.ndarray, log_weight: np.ndarray) -> Recycled | None:
    """Return the proposals of the map in force as weighted draws.

    Args:
        learner: Its map made them, and has not changed since.
        x: Proposals `[n, D]`.
        log_weight: Their log pi - log q, -inf outside `[n]`.

    Returns:
        The rows, or None if too few of them count, or if they have no density (a VAE).
    """
    effective = effective_sample_size(log_weight)
    if effective < LEAST_EFFECTIVE or is_latent(learner.model):
        return None
    kept = log_weight > log_weight.max() + np.log(NEGLIGIBLE)
    x, log_weight = x[kept], log_weight[kept]
    (log_q,) = in_batches(learner.proposal.log_prob, tf.constant(x, tf.float64))
    worth = effective * np.exp(log_weight - logsumexp(log_weight))
    return Recycled(x, log_weight + log_q, worth)


def worth_learning(
    learner: Any, record: SweepRecord, *, most_states: int, seed: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws `[n, D]` of a block of sweeps with their log-densities `[n]`.

    Evenly spaced states of each sweep; in place of those that jumps led to, the
    proposals, resampled by weight, where enough of them count.

    Args:
        learner: Its map made the proposals.
        record: Of the block `[num_sweeps, ...]`.
        most_states: Of each sweep and chain.
        seed: Of the resampling.
    """
    size = record.position.shape[-1]
    num_jumps, num_states = record.proposal.shape[1], record.position.shape[1]
    proposal, log_weight = (
        record.proposal.reshape(-1, size),
        record.proposal_log_weight.reshape(-1),
    )
    found = recycle(learner, proposal, log_weight)
    if found is not None:
        num_states -= num_jumps
    stride = max(1, num_states // most_states)
    kept = slice(stride - 1, num_states, stride)
    x = record.position[:, kept].reshape(-1, size)
    log_prob = record.log_prob[:, kept].reshape(-1)
    if found is None:
        return x, log_prob
    chosen = systematic_resample(
        np.log(found.worth), random=generator(seed), n=int(found.worth.sum())
    )
    x = np.concatenate([x, found.x[chosen]])
    return x, np.concatenate([log_prob, found.log_prob[chosen]])
