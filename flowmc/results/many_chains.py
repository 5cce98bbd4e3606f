"""R-hat where chains are many and short: what their length explains, what it does not.

R-hat of chains that agree is about `1 + 1 / (2 n)`, n the effective draws of *half a
chain*: 64 chains with 3,000 effective draws in all give 1.02 and are called unequal,
though no two disagree.  Two figures tell agreement from shortness:

- `nested_r_hat`: superchains instead of chains (Margossian et al. 2022,
  arXiv:2110.13017).  Ours gather chains that *began* near one another in the quantity
  at hand, so that chains that stay where they began raise it.
- `adjusted_r_hat`: R-hat without what the autocorrelation measured within the chains
  explains.  It sees the few chains in a place of their own that superchains average
  away.

Figures of both in `docs/diagnostics.md`.
"""

__all__ = ["adjusted_r_hat", "nested_r_hat"]

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

NUM_SUPERCHAINS = 4
MIN_CHAINS = 8  # fewer are compared one by one
MIN_DRAWS = 8  # of each chain, before it is cut into halves
MAX_DRAWS = 2000  # of each chain; longer ones are thinned: means need no more
SIGMAS = 4.0  # of the spread that chance gives to the chains' means


def nested_r_hat(draws: np.ndarray) -> float:
    """Return the rank-normalized split R-hat of superchains, bulk or tails, the worse.

    Args:
        draws: One quantity `[num_draws, num_chains]`.

    Returns:
        NaN for fewer than 8 chains or draws, and where chains stand still.
    """
    if not _is_usable(draws):
        return float("nan")
    thinned = _thinned(draws)
    order = np.argsort(thinned[0], kind="stable")
    return max(_nested(values[:, order]) for values in _normalized(thinned))


def adjusted_r_hat(draws: np.ndarray) -> float:
    """Return the rank-normalized split R-hat without what short chains explain.

    From R-hat^2 is taken what stationary chains that agree show on average, given the
    autocorrelation time within them, and four standard deviations of its scatter.

    Args:
        draws: One quantity `[num_draws, num_chains]`.

    Returns:
        At least 1; NaN for fewer than 8 chains or draws, and where chains stand still.
    """
    if not _is_usable(draws):
        return float("nan")
    return max(_adjusted(values) for values in _normalized(_thinned(draws)))


def _is_usable(draws: np.ndarray) -> bool:
    num_draws, num_chains = draws.shape
    if num_chains < MIN_CHAINS or num_draws < MIN_DRAWS:
        return False
    return bool(np.all(np.isfinite(draws)) and np.all(np.ptp(draws, axis=0) > 0.0))


def _thinned(draws: np.ndarray) -> np.ndarray:
    return draws[:: -(-len(draws) // MAX_DRAWS)]


def _normalized(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return normal scores of the draws, and of their distances from the median."""
    return _scores(draws), _scores(np.abs(draws - np.median(draws)))


def _scores(values: np.ndarray) -> np.ndarray:
    rank = rankdata(values).reshape(values.shape)
    return ndtri((rank - 0.375) / (values.size + 0.25))


def _halves(values: np.ndarray) -> np.ndarray:
    half = len(values) // 2
    return np.stack([values[:half], values[-half:]])  # [2, half, num_chains]


def _nested(values: np.ndarray) -> float:
    """R-hat over (half, superchain); neighbouring columns form superchains."""
    means, within = [], []
    for half in _halves(values):
        for group in np.array_split(half, NUM_SUPERCHAINS, axis=1):
            chain_means = group.mean(axis=0)
            means.append(chain_means.mean())
            within.append(chain_means.var(ddof=1) + group.var(axis=0, ddof=1).mean())
    return float(np.sqrt(1.0 + np.var(means, ddof=1) / np.mean(within)))


def _adjusted(values: np.ndarray) -> float:
    halves = np.concatenate(_halves(values), axis=1)  # [half, 2 * num_chains]
    inside = float(np.mean(halves.var(axis=0, ddof=1)))
    found = float(np.var(halves.mean(axis=0), ddof=1)) / inside
    half, count = halves.shape
    of_half = _variance_of_mean(values) * len(values) / half
    scatter = np.sqrt(2.0 / (count - 1))
    explained = of_half / inside * (1.0 + SIGMAS * scatter)
    return float(np.sqrt(1.0 + max(found - explained, 0.0)))


def _variance_of_mean(values: np.ndarray) -> float:
    """Return the variance of a chain's mean, from autocovariances within chains.

    Centring each chain on its own mean lowers every autocovariance by just this
    variance; summing over the window and solving for it undoes that.
    """
    num_draws = len(values)
    size = next_fast_len(2 * num_draws, real=True)
    spectrum = rfft(values - values.mean(axis=0), n=size, axis=0)
    covariance = irfft(np.abs(spectrum) ** 2, n=size, axis=0)[:num_draws].mean(axis=1)
    covariance /= num_draws - np.arange(num_draws)
    # Sums of neighbours are positive until noise takes over (Geyer 1992).
    longest = max(num_draws // 4, 1)
    pairs = covariance[: 2 * longest : 2] + covariance[1 : 2 * longest : 2]
    negative = np.flatnonzero(pairs <= 0.0)
    lags = 2 * (int(negative[0]) if negative.size else len(pairs))
    total = 2.0 * float(covariance[:lags].sum()) - float(covariance[0])
    return max(total, 0.0) / max(num_draws - 2 * lags + 1, num_draws / 4)
