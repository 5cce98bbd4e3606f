"""Parts of what is stored or too much: arrays below a name, some of many rows."""

__all__ = ["part_of", "spread"]

from collections.abc import Mapping

import numpy as np


def part_of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays below `name/`, without that prefix."""
    prefix = f"{name}/"
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` rows, evenly spaced: a reservoir is in order of arrival."""
    return rows[:: max(1, -(-len(rows) // most))]
