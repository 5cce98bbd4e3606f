"""How far a weighted sample can be trusted: effective size and Pareto shape.

Reference: Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance
sampling, Journal of Machine Learning Research.
"""

__all__ = ["importance_ess", "pareto_shape"]

import numpy as np

from flowmc.results import arviz_shim

_EQUAL = 1e-6  # in logs
_MIN_WEIGHTS = 25  # the tail is a fifth of them, and five points are needed


def importance_ess(log_weight: np.ndarray) -> float:
    """Return `sum(w)^2 / sum(w^2)` of the weights `[n]`, given as logs; 0 if none."""
    finite = _finite(log_weight)
    if not finite.size:
        return 0.0
    weight = np.exp(finite - finite.max())
    return float(weight.sum() ** 2 / np.sum(weight**2))


def pareto_shape(log_weight: np.ndarray) -> float:
    """Return the shape k of the weights' upper tail `[n]`, given as logs.

    Below 0.7 estimates from the weights can be trusted; from 1 on they have no mean.
    NaN for fewer than 25 weights; 0 if they are all equal, up to rounding.
    """
    finite = _finite(log_weight)
    if finite.size < _MIN_WEIGHTS:
        return float("nan")
    if np.ptp(finite) < _EQUAL:
        return 0.0
    return arviz_shim.psis_shape(finite)


def _finite(log_weight: np.ndarray) -> np.ndarray:
    values = np.asarray(log_weight, dtype=np.float64)
    # A weight of zero has no log; +inf or NaN would be an error upstream.
    return values[np.isfinite(values)]
