"""Errors of means over chains, and models evaluated on many draws: for evidences.

Draws of a chain repeat and follow one another; a mean over them is as certain as that
of their effective number of independent draws (Vehtari et al. 2021).
"""

__all__ = ["MIN_DRAWS", "effective_size", "in_batches", "mean_error", "shared_error"]

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowmc.results import arviz_shim

MIN_DRAWS = 8  # in each chain: its halves are compared
BATCH_SIZE = 8192  # points a call of a model
MIN_BLOCKS = 64  # pieces of chains for a covariance


def effective_size(values: np.ndarray) -> float:
    """Return the ESS of the mean of `values` `[n, C]`, between 1 and their number."""
    spread = float(np.std(values))
    if not spread > 0.0:
        return float(values.size)
    standard = (values - np.mean(values)) / spread
    size = arviz_shim.ess(standard.T, method="mean")
    # Chains that swing back and forth would claim more draws than there are.
    return float(np.clip(size, 1.0, values.size)) if math.isfinite(size) else 1.0


def mean_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of positive `values`, relative to it.

    Args:
        values: `[n, C]` of C chains.
    """
    spread = float(np.std(values)) / float(np.mean(values))
    return spread / math.sqrt(effective_size(values))


def shared_error(
    first: np.ndarray, second: np.ndarray, *, errors: tuple[float, float]
) -> float:
    """Return the covariance of two means of the same chains, relative to the means.

    Args:
        first: Positive values `[n, C]`.
        second: Positive values `[k, C]`, in the same order of time.
        errors: Relative standard errors of the two means; they bound the result.
    """
    blocks = max(1, min(-(-MIN_BLOCKS // first.shape[1]), len(first), len(second)))
    one, other = _block_means(first, blocks), _block_means(second, blocks)
    bound = errors[0] * errors[1]
    if len(one) < 2:
        return bound
    covariance = float(np.cov(one, other)[0, 1]) / len(one)
    return float(np.clip(covariance, -bound, bound))


def in_batches(function: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    """Return the outputs of `function` at `x` `[n, D]`, called with one shape only.

    Nothing is traced or compiled: at the end of a run that would cost more than the
    few calls.
    """
    size = min(BATCH_SIZE, len(x))
    parts = []
    for start in range(0, len(x), size):
        batch = x[start : start + size]
        filled = np.concatenate([batch, np.repeat(batch[:1], size - len(batch), 0)])
        outputs = function(filled)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        parts.append([np.asarray(output)[: len(batch)] for output in outputs])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _block_means(values: np.ndarray, blocks: int) -> np.ndarray:
    pieces = np.array_split(values, blocks)
    means = np.concatenate([piece.mean(axis=0) for piece in pieces])
    return means / np.mean(values)
