"""What the ensemble was like at a move's own steps: thinned, the recent half to learn.

A chain that starts in a narrow ball spends its first steps growing out of it; a flow
trained on those would learn the start.  So each fit looks at the later half only.
"""

__all__ = ["EnsembleHistory"]

from collections.abc import Mapping

import numpy as np


class EnsembleHistory:
    """Ensembles after evenly spaced steps of a move.

    Args:
        num_steps: Steps that will be offered in all.
        max_rows: Walker positions kept at most, roughly; fixes the spacing.
    """

    def __init__(self, *, num_steps: int, max_rows: int) -> None:
        self._num_steps = num_steps
        self._max_rows = max_rows
        self._step = np.empty(0, dtype=int)
        self._walker = np.empty(0, dtype=int)
        self._coords: list[np.ndarray] = []
        self._log_prob: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._step)

    def add(self, step: int, coords: np.ndarray, log_prob: np.ndarray) -> None:
        """Keep the ensemble `[num_walkers, D]` after `step`, if it is one to keep."""
        num_rows = self._num_steps * len(coords)
        stride = max(1, -(-num_rows // self._max_rows))
        if step % stride == 0:
            self._step = np.append(self._step, np.full(len(coords), step))
            self._walker = np.append(self._walker, np.arange(len(coords)))
            self._coords.append(coords.copy())
            self._log_prob.append(log_prob.copy())

    def recent(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what there was after step `step / 2`.

        Positions `[n, D]`, log-densities `[n]` and the numbers of the walkers `[n]`.

        Walkers that were still at zero density are left out.
        """
        if not self._coords:
            return np.empty((0, 0)), np.empty(0), np.empty(0, dtype=int)
        coords, log_prob = map(np.concatenate, (self._coords, self._log_prob))
        kept = (self._step > step / 2) & np.isfinite(log_prob)
        return coords[kept], log_prob[kept], self._walker[kept]

    def clear(self) -> None:
        """Forget every ensemble."""
        self._step, self._walker = self._step[:0], self._walker[:0]
        self._coords, self._log_prob = [], []

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the content as arrays."""
        if not self._coords:
            return {}
        coords, log_prob = map(np.concatenate, (self._coords, self._log_prob))
        known = {"step": self._step, "walker": self._walker}
        return {**known, "coords": coords, "log_prob": log_prob}

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the content of `to_arrays`."""
        self.clear()
        if arrays:
            self._step, self._walker = arrays["step"], arrays["walker"]
            self._coords, self._log_prob = [arrays["coords"]], [arrays["log_prob"]]
