"""How many exact draws a run is worth: a distance that sees bias and missed modes.

sw1 is the mean over the D axes and 64 random directions of the mean absolute difference
of 4000 quantiles, in standard deviations of the direction, against 50,000 exact draws.
A run's iid-equivalent number of draws is the n whose median sw1 over 50 exact samples
equals the run's, by interpolation of the logarithms.
"""

__all__ = ["MOST_DRAWS", "Yardstick"]

import numpy as np

from flowmc.targets import AnalyticTarget

NUM_EXACT, NUM_DIRECTIONS, NUM_LEVELS = 50_000, 64, 4000
EXACT_SEED, DIRECTION_SEED, SAMPLE_SEED = 11, 12, 1000
SIZES = (2, 5, 15, 50, 150, 500, 1500, 4000, 8000, 15_000)
MOST_DRAWS = SIZES[-1]


class Yardstick:
    """Measures draws of one target.

    Args:
        target: With exact draws.
        quick: Eight exact samples of each size instead of fifty.
    """

    def __init__(self, target: AnalyticTarget, *, quick: bool = False) -> None:
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
        self._curve = [
            np.median(
                [
                    self.distance(target.sample(n, seed=SAMPLE_SEED + repeat))
                    for repeat in range(8 if quick else 50)
                ]
            )
            for n in SIZES
        ]

    def distance(self, draws: np.ndarray) -> float:
        """Return sw1 of `[n, D]` draws; of more than 50,000, evenly spaced ones."""
        kept = draws[:: -(-len(draws) // NUM_EXACT)]
        return float(np.abs(self._quantiles(kept) - self._exact).mean())

    def equivalent(self, draws: np.ndarray) -> float:
        """Return the iid-equivalent number of draws, from 1 to `MOST_DRAWS`."""
        log_distance = np.log(self._curve)[::-1]
        log_size = np.log(SIZES)[::-1]
        found = np.interp(np.log(self.distance(draws)), log_distance, log_size)
        if self.distance(draws) > self._curve[0]:
            return 1.0
        return float(np.exp(found))

    def _quantiles(self, draws: np.ndarray) -> np.ndarray:
        """Return quantiles `[directions, levels]`."""
        projected = np.sort(((draws - self._center) @ self._directions).T, axis=1)
        n = projected.shape[1]
        place = np.clip(self._levels * n - 0.5, 0.0, n - 1.0)
        low = np.minimum(place.astype(int), max(n - 2, 0))
        share = place - low
        high = np.minimum(low + 1, n - 1)
        return (1.0 - share) * projected[:, low] + share * projected[:, high]
