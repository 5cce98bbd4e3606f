"""Rank-normalized R-hat, bulk and tail ESS, and the MCSE of the mean of one quantity.

A quantity that is constant, or that any chain never changes, has no convergence
statistics: all are NaN, so that no threshold is passed by standing still.
Reference: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), Bayesian Analysis.
"""

__all__ = ["ChainStatistics", "chain_statistics"]

from typing import NamedTuple

import numpy as np

from flowmc.results import arviz_shim

_MIN_DRAWS = 4  # split chains need two draws in each half


class ChainStatistics(NamedTuple):
    """Statistics of one scalar quantity.

    Attributes:
        r_hat: Rank-normalized split R-hat; 1 is perfect.
        ess_bulk: Effective draws for the centre of the distribution.
        ess_tail: Effective draws for its 5 % and 95 % quantiles, the lesser.
        mcse_mean: Monte Carlo standard error of the mean, in the quantity's unit.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    mcse_mean: float


def chain_statistics(draws: np.ndarray) -> ChainStatistics:
    """Compute the statistics of `draws` `[num_draws, num_chains]`.

    A single chain is cut into halves, which take the place of chains.
    """
    chains = np.asarray(draws, dtype=np.float64).T
    if chains.shape[0] == 1:
        half = chains.shape[1] // 2
        chains = np.stack([chains[0, :half], chains[0, half : 2 * half]])
    if chains.shape[1] < _MIN_DRAWS or not np.all(np.isfinite(chains)):
        return ChainStatistics(np.nan, np.nan, np.nan, np.nan)
    if np.any(np.ptp(chains, axis=1) == 0.0):
        return ChainStatistics(np.nan, np.nan, np.nan, np.nan)
    # In units of its own spread: ArviZ takes a variance below 1e-15 for a constant.
    spread = np.std(chains)
    standard = (chains - np.mean(chains)) / spread
    return ChainStatistics(
        r_hat=arviz_shim.r_hat(standard),
        ess_bulk=arviz_shim.ess(standard, method="bulk"),
        ess_tail=arviz_shim.ess(standard, method="tail"),
        mcse_mean=float(spread / np.sqrt(arviz_shim.ess(standard, method="mean"))),
    )
