"""What identifies a target, so that a run is not resumed with another one.

Names and bounds are not enough: data may have changed.  So the log-density at a few
fixed points belongs to it, rounded to digits that survive a change of machine.
"""

__all__ = ["make_fingerprint"]

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowmc.targets.parameters import Parameters

DIGITS = {"float64": 10, "float32": 4}


def make_fingerprint(
    *,
    parameters: Parameters,
    backend: str,
    log_prob: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    precision: str,
) -> dict[str, Any]:
    """Return a description of plain JSON values.

    Args:
        parameters: Names, bounds, circular parameters.
        backend: "tensorflow" or "numpy".
        log_prob: `[n, D] -> [n]`; what it raises becomes part of the description.
        points: `[n, D]`, the same in every run; none for a noisy density.
        precision: "float64" or "float32".
    """
    names = parameters.names
    return {
        "names": list(names),
        "bounds": [[_plain(end) for end in pair] for pair in parameters.bounds],
        "periodic": [names[index] for index in parameters.periodic],
        "backend": backend,
        "log_prob": [_value(log_prob, row[None], DIGITS[precision]) for row in points],
    }


def _value(
    log_prob: Callable[[np.ndarray], np.ndarray], point: np.ndarray, digits: int
) -> float | str:
    try:
        return _plain(float(f"{float(log_prob(point)[0]):.{digits}g}"))
    except Exception as error:
        return type(error).__name__


def _plain(value: float) -> float | str:
    """Return a finite float, or the name of one that JSON does not have."""
    return float(value) if math.isfinite(value) else str(float(value))
