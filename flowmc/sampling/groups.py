"""Two groups of chains that learn apart, and what each sees of the other's draws.

A group whose draws have practically no density under the other group's map has found
something that the other has not: R-hat says nothing when all chains miss it together.
The defensive tails are left out of the comparison; they see everything a little.
"""

__all__ = ["NEGLIGIBLE_NATS", "UNSEEN_LIMIT", "mixture_weights", "unseen_share"]

from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

LOWEST_SHARE = 1e-3  # of a group's own draws that may lie below its threshold
NEGLIGIBLE_NATS = 8.0  # below that threshold nothing is seen any more
UNSEEN_LIMIT = 0.02  # share of the other group's draws that raises the alarm
NUM_EM_STEPS = 50


def unseen_share(model: Any, *, own: np.ndarray, other: np.ndarray) -> float:
    """Return the share of `other` `[m, D]` with negligible density under `model`.

    Args:
        model: The map of the group that drew `own`, a density.
        own: The group's draws `[n, D]`.
        other: The other group's.
    """
    if not len(other):
        return 0.0
    log_prob = _log_prob(model, own)
    finite = log_prob[np.isfinite(log_prob)]
    if not len(finite):
        return 1.0  # it does not even see its own
    threshold = np.quantile(finite, LOWEST_SHARE) - NEGLIGIBLE_NATS
    seen = _log_prob(model, other) >= threshold
    return float(np.mean(~seen))


def mixture_weights(parts: list[Any], draws: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the shares of the mixture that fits `draws` best, and its gain.

    Returns:
        Shares `[k]` by expectation maximization, and the mean log-density gained over
        the best part alone, in nats.
    """
    log_prob = np.stack([_log_prob(part, draws) for part in parts])
    share = np.full(len(parts), 1.0 / len(parts))
    for _ in range(NUM_EM_STEPS):
        joint = log_prob + np.log(share)[:, None]
        share = np.exp(joint - logsumexp(joint, axis=0)).mean(axis=1)
        share = np.maximum(share, 1e-6) / np.maximum(share, 1e-6).sum()
    together = logsumexp(log_prob + np.log(share)[:, None], axis=0).mean()
    return share, float(together - log_prob.mean(axis=1).max())


def _log_prob(model: Any, x: np.ndarray) -> np.ndarray:
    values = model.log_prob(tf.constant(x, tf.float64)).numpy()
    return np.where(np.isfinite(values), values, -np.inf)
