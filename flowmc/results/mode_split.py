"""Split draws into modes: a direction with a valley, then the basins around it.

Looking: whitened draws are projected on coordinates, principal axes and directions of
projection pursuit, each turned towards the two sides of its valley.  A valley seen in
one projection may be the hole of a ring or the bay of a banana.  So the best directions
are judged on other draws, in the space of three axes in which such a curve shows: the
direction, and those along which mean and spread change most with it (sliced inverse
regression, Li 1991, and SAVE, Cook and Weisberg 1991, both JASA 86).
"""

__all__ = ["Split", "split_draws"]

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from flowmc.results.mode_basins import Basins, find_basins

MIN_DRAWS = 100  # fewer do not show a valley
SCREEN_DEPTH = 0.8  # log-density; valleys that are looked at again
NUM_CANDIDATES = 4
NUM_STARTS = 24
NUM_SLICES = 10


@dataclass(frozen=True, eq=False)
class Split:
    """A rule that tells the modes among the draws of one region.

    Attributes:
        center: Origin of the projection `[D]`.
        projection: From theta to the axes that show the modes `[D, d]`.
        tree: Reference draws in these axes.
        basins: Their modes.
    """

    center: np.ndarray
    projection: np.ndarray
    tree: cKDTree
    basins: Basins

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mode of each row of `theta` `[n, D]`, and whether in its core.

        Both are those of the nearest reference draw.
        """
        _, nearest = self.tree.query((theta - self.center) @ self.projection)
        return self.basins.labels[nearest], self.basins.is_core[nearest]


def split_draws(
    seen: np.ndarray, held: np.ndarray, *, min_size: int, rng: np.random.Generator
) -> Split | None:
    """Return how draws fall into modes, None for one mode.

    Args:
        seen: Draws that choose the directions `[n, D]`.
        held: Other draws, which judge them `[m, D]`.
        min_size: Fewest of the judging draws that make a mode.
        rng: For the starts of the search.
    """
    if min(len(seen), len(held)) < MIN_DRAWS:
        return None
    center, whitening = _whitening(seen)
    white = _without_far_ends((seen - center) @ whitening)
    if not white.shape[1]:
        return None
    for axes in _candidates(white, whitening, rng):
        projection = whitening @ axes
        points = (held - center) @ projection
        if find_basins(points, min_size=min_size).num_basins == 1:
            continue
        # Once more with all draws: half the noise, and more to tell the modes by.
        points = np.concatenate([points, (seen - center) @ projection])
        basins = find_basins(points, min_size=2 * min_size)
        if basins.num_basins > 1:
            kept = basins.labels >= 0
            return Split(center, projection, cKDTree(points[kept]), basins.of(kept))
    return None


def _whitening(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre `[D]` and the map `[D, rank]` to unit covariance."""
    center = np.mean(draws, axis=0)
    scale = np.std(draws, axis=0)
    scale[scale == 0.0] = np.inf
    standard = (draws - center) / scale
    values, vectors = np.linalg.eigh(standard.T @ standard / len(draws))
    kept = values > 1e-10 * max(values[-1], 1e-300)
    return center, (vectors[:, kept] / np.sqrt(values[kept]))[:, ::-1] / scale[:, None]


def _without_far_ends(white: np.ndarray) -> np.ndarray:
    """Pull in far outliers, which would attract every search."""
    radius = np.linalg.norm(white, axis=1)
    limit = 3.0 * np.median(radius)
    return white * np.minimum(1.0, limit / np.maximum(radius, 1e-300))[:, None]


def _candidates(
    white: np.ndarray, whitening: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return axes `[rank, <= 3]` to be judged, the deepest valley first."""
    directions = [whitening.T, np.eye(white.shape[1])[:, :10]]
    if white.shape[1] > 1:
        directions.append(_pursue(white, rng))
    found = _unit(np.concatenate(directions, axis=1))
    depth, cut = _valleys(white @ found)
    for _ in range(2):
        best = np.argsort(-depth)[: 4 * NUM_CANDIDATES]
        turned = _turn(white, found[:, best], cut[best])
        new_depth, new_cut = _valleys(white @ turned)
        found = np.concatenate([found[:, best], turned], axis=1)
        depth = np.concatenate([depth[best], new_depth])
        cut = np.concatenate([cut[best], new_cut])
    chosen: list[np.ndarray] = []
    for i in np.argsort(-depth):
        known = any(abs(found[:, i] @ other) > 0.9 for other in chosen)
        if depth[i] > SCREEN_DEPTH and not known and len(chosen) < NUM_CANDIDATES:
            chosen.append(found[:, i])
    return [_with_bends(white, direction) for direction in chosen]


def _unit(columns: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(columns, axis=0)
    return columns[:, norm > 0.0] / norm[norm > 0.0]


def _pursue(white: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Directions of extreme kurtosis, skewness and negentropy (fixed-point steps)."""
    pairs = rng.integers(len(white), size=(2, NUM_STARTS))
    start = _unit((white[pairs[0]] - white[pairs[1]]).T)
    found = []
    for step in (_quartic, _cubic, _logistic):
        direction = start
        for _ in range(12):
            direction = _unit(step(white, direction))
        found.append(direction)
    return np.concatenate(found, axis=1)


def _quartic(white: np.ndarray, direction: np.ndarray) -> np.ndarray:
    along = white @ direction
    return white.T @ (along * along * along) / len(white) - 3.0 * direction


def _cubic(white: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return white.T @ (white @ direction) ** 2


def _logistic(white: np.ndarray, direction: np.ndarray) -> np.ndarray:
    bend = np.tanh(white @ direction)
    return white.T @ bend / len(white) - np.mean(1.0 - bend**2, axis=0) * direction


def _valleys(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth and place of the deepest valley in each column of `[n, m]`."""
    values = np.sort(values, axis=0)
    width = max(10, len(values) // 60)
    gap = values[width:] - values[:-width]
    log_density = -np.log(np.maximum(gap, 1e-300))
    left = np.maximum.accumulate(log_density, axis=0)
    right = np.maximum.accumulate(log_density[::-1], axis=0)[::-1]
    depth = np.minimum(left, right) - log_density
    deepest = np.argmax(depth, axis=0)
    column = np.arange(values.shape[1])
    middle = values[deepest, column] + values[deepest + width, column]
    return depth[deepest, column], 0.5 * middle


def _turn(white: np.ndarray, directions: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Fisher's discriminant between the two sides of each valley."""
    side = white @ directions > cut
    share = np.clip(np.mean(side, axis=0), 1e-12, 1.0 - 1e-12)
    upper = white.T @ side / len(white)
    difference = upper / share - (np.mean(white, axis=0)[:, None] - upper) / (1 - share)
    return difference / np.maximum(np.linalg.norm(difference, axis=0), 1e-300)


def _with_bends(white: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Add the axes along which mean and spread change most with the direction."""
    axes = direction[:, None]
    slices = np.array_split(np.argsort(white @ direction), NUM_SLICES)
    means = np.array([np.mean(white[rows], axis=0) for rows in slices])
    by_mean = means.T @ means
    by_spread = np.zeros_like(by_mean)
    for rows in slices:
        change = np.eye(len(direction)) - np.atleast_2d(np.cov(white[rows].T))
        by_spread += change @ change
    for matrix in (by_mean, by_spread):
        if axes.shape[1] == len(direction):
            break
        outside = np.eye(len(direction)) - axes @ axes.T
        _, vectors = np.linalg.eigh(outside @ matrix @ outside)
        bend = outside @ vectors[:, -1]
        axes = np.concatenate([axes, _unit(bend[:, None])], axis=1)
    return axes
