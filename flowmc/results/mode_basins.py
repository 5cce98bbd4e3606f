"""Basins of density among points in few dimensions, one where no valley divides them.

The density at a point comes from the distance of its k-th neighbour; each point climbs
to the highest of its neighbours until it is on a peak.  Two basins stay apart only if
the pass between them lies far below both peaks, so a curve of any shape is one basin.
Reference: Chazal, Guibas, Oudot and Skraba (2013), Journal of the ACM 60:41.
"""

__all__ = ["Basins", "find_basins"]

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

SADDLE_DEPTH = 0.85  # log-density; two modes have a saddle this far below both peaks
SADDLE_SIGMAS = 6.5  # ... and this many standard deviations of the estimate, 1/sqrt(k)
MIN_NEAR = 10


@dataclass(frozen=True, eq=False)
class Basins:
    """Points by basin, the largest basin first.

    Attributes:
        labels: Basin of each point; -1 in those too small to count.
        is_core: Whether the density there is above half way (in its logarithm) from
            the highest saddle of the basin to its peak.
    """

    labels: np.ndarray
    is_core: np.ndarray

    @property
    def num_basins(self) -> int:
        """How many basins count."""
        return int(self.labels.max()) + 1

    def of(self, rows: np.ndarray) -> "Basins":
        """Return the basins of some of the points."""
        return Basins(self.labels[rows], self.is_core[rows])


def find_basins(points: np.ndarray, *, min_size: int) -> Basins:
    """Find the basins among `points` `[n, d]`, d at most 3.

    Args:
        points: Distinct points.
        min_size: Fewest points that make a basin; also the number of neighbours.
    """
    num_near = int(np.clip(min_size, MIN_NEAR, max(1, len(points) // 4)))
    distance, near = cKDTree(points).query(points, k=num_near + 1)
    log_density = -points.shape[1] * np.log(np.maximum(distance[:, -1], 1e-300))
    uphill = near[np.arange(len(points)), np.argmax(log_density[near], axis=1)]
    while np.any(uphill != uphill[uphill]):
        uphill = uphill[uphill]
    peaks, basin = np.unique(uphill, return_inverse=True)
    owner, saddle = _merge(basin, near, log_density, log_density[peaks], min_size)
    owned = owner[basin]
    sizes = np.bincount(owned, minlength=len(peaks))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= min(min_size, sizes.max())]
    rank = np.full(len(peaks), -1)
    rank[order] = np.arange(len(order))
    floor = 0.5 * (saddle + log_density[peaks])
    return Basins(rank[owned], log_density >= floor[owned])


def _merge(
    basin: np.ndarray,
    near: np.ndarray,
    log_density: np.ndarray,
    height: np.ndarray,
    min_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Join basins over their saddles, the highest first.

    Returns:
        The basin that each belongs to, and the highest saddle left on its rim.
    """
    depth = max(SADDLE_DEPTH, SADDLE_SIGMAS / np.sqrt(near.shape[1] - 1))
    owner = np.arange(len(height))
    size = np.bincount(basin, minlength=len(height))
    rim = np.full(len(height), -np.inf)
    for level, first, second in _saddles(basin, near, log_density):
        a, b = owner[first], owner[second]
        if a == b:
            continue
        low, high = (a, b) if height[a] < height[b] else (b, a)
        if height[low] - level < depth or size[low] < min_size:
            owner[owner == low] = high
            size[high] += size[low]
            rim[high] = max(rim[high], rim[low])
        else:
            rim[low], rim[high] = max(rim[low], level), max(rim[high], level)
    return owner, rim


def _saddles(
    basin: np.ndarray, near: np.ndarray, log_density: np.ndarray
) -> list[tuple[float, int, int]]:
    """Highest passes between neighbouring basins, from the highest down."""
    num_basins = int(basin.max()) + 1
    first, second = np.broadcast_arrays(basin[:, None], basin[near])
    crosses = first != second
    key = first[crosses] * num_basins + second[crosses]
    level = np.minimum(log_density[:, None], log_density[near])[crosses]
    order = np.argsort(key, kind="stable")
    pairs, start = np.unique(key[order], return_index=True)
    if not len(pairs):
        return []
    highest = np.maximum.reduceat(level[order], start)
    return [
        (float(highest[i]), *divmod(int(pairs[i]), num_basins))
        for i in np.argsort(-highest, kind="stable")
    ]
