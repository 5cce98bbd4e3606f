"""What independent weighted draws tell of each parameter: effective sizes and errors.

The error of a self-normalized mean is sum w^2 (f - mean)^2, by the delta method; the
effective number of draws of f is its variance over that.  Unlike Kish's number it
knows f: a mode of large weights costs precision where f differs there.

Reference: Owen (2013), Monte Carlo theory, methods and examples, chapter 9.
"""

__all__ = ["for_weighted", "summarize_weighted", "weighted_statistics"]

from dataclasses import replace

import numpy as np
from scipy import special

from flowmc.results.diagnostics import Diagnostics
from flowmc.results.summary import QUANTILES, SummaryTable

TAILS = (0.05, 0.95)


def weighted_statistics(
    theta: np.ndarray, log_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bulk ESS, tail ESS and the standard error of the mean, each `[D]`.

    Args:
        theta: Independent draws `[n, D]`.
        log_weight: Their log weights `[n]`.
    """
    weight = np.exp(log_weight - np.max(log_weight))
    weight /= weight.sum()
    columns = [_of_column(column, weight) for column in theta.T]
    bulk, tail, error = np.array(columns, dtype=np.float64).reshape(-1, 3).T
    return bulk, tail, error


def summarize_weighted(
    theta: np.ndarray, log_weight: np.ndarray, *, names: tuple[str, ...]
) -> SummaryTable:
    """Return the importance-weighted estimates of every parameter.

    R-hat is NaN: these draws are of no chain.

    Args:
        theta: Independent draws `[n, D]`.
        log_weight: Their log weights `[n]`.
        names: Of the parameters.
    """
    weight = np.exp(log_weight - np.max(log_weight))
    weight /= weight.sum()
    rows = []
    sizes = weighted_statistics(theta, log_weight)
    for name, column, bulk, tail, error in zip(names, theta.T, *sizes, strict=True):
        mean = float(weight @ column)
        spread = float(np.sqrt(weight @ np.square(column - mean)))
        order = np.argsort(column)
        below = np.cumsum(weight[order]) - 0.5 * weight[order]
        quantiles = map(float, np.interp(QUANTILES, below, column[order]))
        numbers = (float("nan"), float(bulk), float(tail), float(error))
        rows.append((name, mean, spread, *quantiles, *numbers))
    return SummaryTable(tuple(rows))


def for_weighted(
    diagnostics: Diagnostics, theta: np.ndarray, log_weight: np.ndarray
) -> Diagnostics:
    """Return diagnostics of resampled draws with the sizes of the weighted ones.

    Resampled draws look independent whatever the weights were.

    Args:
        diagnostics: Of the resampled draws.
        theta: The weighted draws `[n, D]`.
        log_weight: Their log weights `[n]`.
    """
    if not len(theta):
        return diagnostics
    bulk, tail, error = weighted_statistics(theta, log_weight)
    most = float(diagnostics.num_draws * diagnostics.num_chains)
    return replace(
        diagnostics,
        ess_bulk=np.minimum(bulk, most),
        ess_tail=np.minimum(tail, most),
        mcse_mean=error * np.sqrt(np.maximum(bulk / most, 1.0)),
    )


def _of_column(values: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    order = np.argsort(values)
    below = np.empty(len(values))
    below[order] = np.cumsum(weight[order]) - 0.5 * weight[order]
    rank = special.ndtri(np.clip(below, 1e-12, 1.0 - 1e-12))
    tails = [_size((below <= level).astype(float), weight)[0] for level in TAILS]
    return _size(rank, weight)[0], min(tails), _size(values, weight)[1]


def _size(values: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return the effective number of draws of a mean, and its standard error."""
    off = np.square(values - weight @ values)
    variance, error = weight @ off, np.square(weight) @ off
    if not error > 0.0:
        return float("nan"), float("nan")
    return float(variance / error), float(np.sqrt(error))
