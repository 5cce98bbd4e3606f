"""How many exact draws a run is worth: a distance that sees bias and missed modes.

sw1 is the mean over the D axes and 64 random directions of the mean absolute difference
of 4000 quantiles, in standard deviations of the direction, against 50,000 exact draws.
A run's iid-equivalent number of draws is the n whose median sw1 over 50 exact samples
equals the run's, by interpolation of the logarithms.  The curve of a problem takes a
minute to make and is kept as JSON.
"""

__all__ = ["MOST_DRAWS", "Yardstick", "iid_equivalent", "resample", "spell"]

import json
from pathlib import Path
from typing import Any

import numpy as np

NUM_EXACT, NUM_DIRECTIONS, NUM_LEVELS = 50_000, 64, 4000
EXACT_SEED, DIRECTION_SEED, SAMPLE_SEED, CHOICE_SEED = 11, 12, 1000, 13
SIZES = (2, 5, 15, 50, 150, 500, 1500, 4000, 8000, 15_000)
MOST_DRAWS = SIZES[-1]


class Yardstick:
    """Measures draws of one target.

    Args:
        target: With `event_size` and exact draws, `sample(n, seed=)`.
        quick: Eight exact samples of each size instead of fifty.
        cache: JSON file of the curve; made if it is not there or of another target.
    """

    def __init__(
        self, target: Any, *, quick: bool = False, cache: Path | None = None
    ) -> None:
        self._target = target
        exact = target.sample(NUM_EXACT, seed=EXACT_SEED)
        size = target.event_size
        random = np.random.default_rng(DIRECTION_SEED)
        rotated = random.normal(size=(size, NUM_DIRECTIONS))
        rotated /= np.linalg.norm(rotated, axis=0)
        self._center = exact.mean(axis=0)
        directions = np.concatenate([np.eye(size), rotated], axis=1)
        directions /= exact.std(axis=0)[:, None]
        directions /= ((exact - self._center) @ directions).std(axis=0)
        self._directions = directions
        self._levels = (np.arange(NUM_LEVELS) + 0.5) / NUM_LEVELS
        self._exact = self._quantiles(exact)
        self._curve = self._load_curve(8 if quick else 50, exact, cache)

    def distance(self, draws: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return sw1 of draws `[n, D]`; of more than 50,000, some at random.

        Args:
            draws: The sample.
            weights: `[n]`, not negative; the draws are then resampled first.
        """
        if weights is not None:
            draws = resample(draws, weights, seed=CHOICE_SEED)
        if len(draws) > NUM_EXACT:
            # At random: a regular choice leaves out whole chains of an interleaved
            # array (25 of every 32 rows, with 64,000 draws of 64 chains).
            random = np.random.default_rng(CHOICE_SEED)
            draws = draws[random.permutation(len(draws))[:NUM_EXACT]]
        return float(np.abs(self._quantiles(draws) - self._exact).mean())

    def equivalent(self, draws: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return the iid-equivalent number of draws, from 1 to `MOST_DRAWS`."""
        return self.worth(self.distance(draws, weights))

    def worth(self, distance: float) -> float:
        """Return the number of exact draws whose median sw1 is `distance`."""
        if not distance <= self._curve[0]:
            return 1.0
        log_distance = np.log(self._curve)[::-1]
        log_size = np.log(SIZES)[::-1]
        found = np.exp(np.interp(np.log(distance), log_distance, log_size))
        return min(float(found), float(MOST_DRAWS))

    def _load_curve(
        self, repeats: int, exact: np.ndarray, cache: Path | None
    ) -> list[float]:
        spread = np.linalg.norm(exact.std(axis=0))
        key = {
            "event_size": self._target.event_size,
            "sizes": list(SIZES),
            "repeats": repeats,
            # Tells one target from another that took its name.
            "spread": float(f"{spread:.6g}"),
        }
        if cache is not None and cache.exists():
            stored = json.loads(cache.read_text())
            if stored["key"] == key:
                return stored["curve"]
        curve = [self._typical(n, repeats) for n in SIZES]
        if cache is not None:
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_text(json.dumps({"key": key, "curve": curve}) + "\n")
        return curve

    def _typical(self, n: int, repeats: int) -> float:
        """Return the median sw1 of exact samples of size `n`."""
        samples = (
            self._target.sample(n, seed=SAMPLE_SEED + repeat)
            for repeat in range(repeats)
        )
        return float(np.median([self.distance(sample) for sample in samples]))

    def _quantiles(self, draws: np.ndarray) -> np.ndarray:
        """Return quantiles `[directions, levels]`."""
        projected = np.sort(((draws - self._center) @ self._directions).T, axis=1)
        n = projected.shape[1]
        place = np.clip(self._levels * n - 0.5, 0.0, n - 1.0)
        low = np.minimum(place.astype(int), max(n - 2, 0))
        share = place - low
        high = np.minimum(low + 1, n - 1)
        return (1.0 - share) * projected[:, low] + share * projected[:, high]


def iid_equivalent(
    draws: np.ndarray, truth: Yardstick, weights: np.ndarray | None = None
) -> float:
    """Return how many exact draws `[n, D]` draws are worth, at most `MOST_DRAWS`."""
    return truth.equivalent(draws, weights)


def resample(draws: np.ndarray, weights: np.ndarray, *, seed: int) -> np.ndarray:
    """Return 50,000 draws of equal weight, by systematic resampling."""
    cumulative = np.cumsum(np.asarray(weights, np.float64))
    start = np.random.default_rng(seed).uniform()
    places = (np.arange(NUM_EXACT) + start) / NUM_EXACT * cumulative[-1]
    index = np.searchsorted(cumulative, places)
    return draws[np.minimum(index, len(draws) - 1)]


def spell(worth: float) -> str:
    """Return an iid-equivalent number as text."""
    if worth >= MOST_DRAWS:
        return f">{MOST_DRAWS:,}"
    return f"{worth:,.0f}" if worth >= 10 else f"{worth:.1f}"
