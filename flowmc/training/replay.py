"""A bounded reservoir of draws: uniform over everything ever added.

Training on the last draws alone makes a flow forget: it narrows, proposes narrowly, and
trains on what it proposed.  Here each draw gets one random key when it arrives and the
smallest keys stay, so that at any time the content is a uniform sample of all draws.

Reference: Efraimidis and Spirakis (2006), doi:10.1016/j.ipl.2005.11.003.
"""

__all__ = ["ReplayBuffer"]

from typing import Any

import numpy as np

from flowmc.core.checks import check_matrix, check_positive_integer
from flowmc.core.errors import TrainingError
from flowmc.core.seeds import fold_in, generator


class ReplayBuffer:
    """At most `capacity` rows, float64 on the host.

    Args:
        event_size: Number of columns, `D`.
        capacity: Most rows kept.
        seed: Seed of the random keys.
    """

    def __init__(self, event_size: int, *, capacity: int, seed: Any = 0) -> None:
        self.event_size = event_size
        self.capacity = check_positive_integer(capacity, name="capacity")
        self._seed = seed
        self._num_added = 0
        self._x = np.empty((0, event_size))
        self._log_prob = np.empty(0)
        self._key = np.empty(0)

    def __len__(self) -> int:
        return len(self._x)

    @property
    def draws(self) -> np.ndarray:
        """The rows held `[n, D]`."""
        return self._x.copy()

    @property
    def log_prob(self) -> np.ndarray:
        """Their log-densities `[n]`, NaN where none was given."""
        return self._log_prob.copy()

    def add(self, draws: Any, *, log_prob: Any = None, weights: Any = None) -> None:
        """Offer rows `[n, D]`; with `weights`, each stays in proportion to its own.

        Raises:
            TrainingError: A row is not finite, or lengths differ.
        """
        x = check_matrix(draws, name="draws", event_size=self.event_size)
        if not np.isfinite(x).all():
            raise TrainingError("`draws` must be finite; drop the rows that are not.")
        n = len(x)
        lp = np.full(n, np.nan) if log_prob is None else np.asarray(log_prob, float)
        w = np.ones(n) if weights is None else np.asarray(weights, float)
        if lp.shape != (n,) or w.shape != (n,):
            raise TrainingError(
                f"`log_prob` and `weights` must have {n} entries, one a row; got "
                f"{list(lp.shape)} and {list(w.shape)}."
            )
        if not np.isfinite(w).all() or (w < 0.0).any():
            raise TrainingError(
                "`weights` must be finite and non-negative; the smallest is "
                f"{np.min(w)}, the largest {np.max(w)}."
            )
        random = generator(fold_in(self._seed, "replay", self._num_added))
        with np.errstate(divide="ignore"):
            key = random.exponential(size=n) / w
        self._num_added += n
        self._merge(x, lp, key)

    def clear(self) -> None:
        """Forget every row."""
        self._x, self._log_prob = self._x[:0], self._log_prob[:0]
        self._key = self._key[:0]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the whole state as arrays, for checkpoints."""
        count = np.array(self._num_added)
        return {"x": self._x, "log_prob": self._log_prob, "key": self._key, "n": count}

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore the state of `to_arrays`."""
        self._x, self._log_prob = arrays["x"], arrays["log_prob"]
        self._key, self._num_added = arrays["key"], int(arrays["n"])

    def _merge(self, x: np.ndarray, log_prob: np.ndarray, key: np.ndarray) -> None:
        keys = np.concatenate([self._key, key])
        # A stable sort keeps ties, such as weight-zero rows, in order of arrival.
        kept = np.sort(np.argsort(keys, kind="stable")[: self.capacity])
        kept = kept[np.isfinite(keys[kept])]
        self._x = np.concatenate([self._x, x])[kept]
        self._log_prob = np.concatenate([self._log_prob, log_prob])[kept]
        self._key = keys[kept]
