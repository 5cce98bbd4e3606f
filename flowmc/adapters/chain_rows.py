"""Draws as rows with weights, one table a chain: what chain files and GetDist hold."""

__all__ = ["ChainRows", "chain_rows", "is_independent"]

from dataclasses import dataclass

import numpy as np

from flowmc.results.posterior import Posterior


@dataclass(frozen=True, eq=False)
class ChainRows:
    """Distinct draws of one chain and how often each of them occurs.

    Attributes:
        weight: `[n]`, whole numbers that sum to the chain's draws.
        log_prob: `[n]`, log-density in theta.
        values: `[n, D + K]`, the parameters and then K derived quantities.
    """

    weight: np.ndarray
    log_prob: np.ndarray
    values: np.ndarray


def is_independent(posterior: Posterior) -> bool:
    """Whether the draws are resampled ones of `sample_smc`, in random order."""
    return posterior.config.get("sampler") == "smc"


def chain_rows(posterior: Posterior) -> list[ChainRows]:
    """Return one table for each chain, in the order of its steps.

    A chain that stays becomes one row of greater weight; of resampled draws, which come
    in random order, all copies do.
    """
    is_random = is_independent(posterior)
    tables = []
    for chain in range(posterior.num_chains):
        theta = posterior.theta[:, chain]
        first, weight = _distinct(theta) if is_random else _stays(theta)
        derived = [values[:, chain] for values in posterior.derived.values()]
        values = np.column_stack([theta, *derived])[first]
        log_prob = posterior.log_prob[first, chain]
        tables.append(ChainRows(weight.astype(np.float64), log_prob, values))
    return tables


def _stays(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where draws `[n, D]` differ from the one before, and for how long."""
    is_new = np.ones(len(theta), dtype=bool)
    is_new[1:] = np.any(theta[1:] != theta[:-1], axis=1)
    first = np.flatnonzero(is_new)
    return first, np.diff(first, append=len(theta))


def _distinct(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where distinct draws `[n, D]` first occur, in order, and how often."""
    _, first, counts = np.unique(theta, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return first[order], counts[order]
