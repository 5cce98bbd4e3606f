"""All states visited on the way from the reference to the target, weighted for any `b`.

    log pi_b(x) = (1 - b) log reference(x) + b log target(x)

Rows come from many temperatures.  Taken together they are draws of the mixture of all
their densities, so each is worth pi_b / mixture at a new temperature: no evaluation is
thrown away, and the sum of the weights is the evidence at `b`.

Reference: Karamanis and Seljak (2024), arXiv:2407.20722 (persistent sampling); Shirts
and Chodera (2008), arXiv:0801.1426 (the mixture's weights).
"""

__all__ = ["Ladder", "ladder_error"]

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp

from flowmc.core.records import WindowRecord
from flowmc.sampling.temper import effective_sample_size, systematic_resample
from flowmc.sampling.tempering import temper

MOST_LEVELS = 8  # rows of older temperatures weigh nothing by then
BISECTIONS = 60
KIN = 4.0  # states of a sweep that are worth an independent one


class Ladder:
    """Rows with their temperatures.

    Args:
        event_size: `D`.
    """

    def __init__(self, event_size: int) -> None:
        self._x = np.empty((0, event_size))
        self._log_prob = np.empty(0)
        self._log_reference = np.empty(0)
        self._count = np.empty(0)  # rows of each temperature
        self._b = np.empty(0)
        self._log_evidence = np.empty(0)

    def __len__(self) -> int:
        return len(self._x)

    @property
    def num_levels(self) -> int:
        """Temperatures held."""
        return len(self._b)

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All rows: x, the target's log-density, the reference's."""
        return self._x, self._log_prob, self._log_reference

    def add(
        self, x, log_prob, log_reference, *, b: float, log_evidence: float, is_new=True
    ) -> None:
        """Add rows `[n, D]` drawn at `b`, whose evidence was estimated before.

        Args:
            x: Rows.
            log_prob: The target's log-density there `[n]`.
            log_reference: The reference's `[n]`.
            b: Inverse temperature of the rows.
            log_evidence: Log of the normalizing constant at `b`.
            is_new: Whether `b` is a new temperature, or the last one once more.
        """
        self._x = np.concatenate([self._x, x])
        self._log_prob = np.concatenate([self._log_prob, log_prob])
        self._log_reference = np.concatenate([self._log_reference, log_reference])
        if not is_new:
            self._count[-1] += len(x)
            return
        self._count = np.append(self._count, len(x))
        self._b = np.append(self._b, b)
        self._log_evidence = np.append(self._log_evidence, log_evidence)
        while len(self._b) > MOST_LEVELS:
            self._forget_oldest()

    def log_weight(self, b: float) -> np.ndarray:
        """Return each row's log weight at `b`; their sum estimates the evidence."""
        mixture = self._log_mixture()
        return self._weight(b, mixture)

    def next_temperature(self, *, fraction: float) -> float:
        """Return the largest `b` at which enough rows count.

        Args:
            fraction: Effective rows to keep, as a share of those at the present `b`.
        """
        current, mixture = float(self._b[-1]), self._log_mixture()

        def effective(b: float) -> float:
            return effective_sample_size(self._weight(b, mixture))

        wanted = fraction * effective(current)

        def keeps(b: float) -> bool:
            return effective(b) >= wanted

        if keeps(1.0):
            return 1.0
        # Priors can be so wide that the first step is 1e-17: bisect the logarithm.
        low, high = np.log(1e-300), np.log(1.0 - current)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            if keeps(current + np.exp(middle)):
                low = middle
            else:
                high = middle
        # A step too small to be seen beside `current` would never end.
        return float(max(current + np.exp(low), np.nextafter(current, 1.0)))

    def levels_ahead(self) -> float:
        """Return how many temperatures are still to come, at the present pace."""
        risen = self._b[self._b > 0.0]
        if len(risen) < 2:
            return 0.0
        pace = np.log(risen[-1] / risen[0]) / (len(risen) - 1)
        return float(-np.log(risen[-1]) / max(pace, 1e-12))

    def resample(
        self, b: float, n: int, *, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `n` rows in proportion to their weights: x, log_prob, reference."""
        chosen = systematic_resample(self.log_weight(b), random=random, n=n)
        return self._x[chosen], self._log_prob[chosen], self._log_reference[chosen]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, for checkpoints."""
        return {name.removeprefix("_"): array for name, array in vars(self).items()}

    def from_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Restore what `to_arrays` returned."""
        for name, array in arrays.items():
            setattr(self, f"_{name}", np.asarray(array))

    def _log_mixture(self) -> np.ndarray:
        """Return the log of the sum over temperatures of count times density."""
        rows = [
            np.log(count) + temper(self._log_prob, self._log_reference, b) - evidence
            if b > 0.0
            else np.log(count) + self._log_reference - evidence
            for count, b, evidence in zip(
                self._count, self._b, self._log_evidence, strict=True
            )
        ]
        return logsumexp(np.stack(rows), axis=0)

    def _weight(self, b: float, mixture: np.ndarray) -> np.ndarray:
        density = temper(self._log_prob, self._log_reference, b)
        usable = np.isfinite(density) & np.isfinite(mixture)
        weight = np.full(len(density), -np.inf)
        weight[usable] = density[usable] - mixture[usable]
        return weight

    def _forget_oldest(self) -> None:
        first = int(self._count[0])
        for name in ("_x", "_log_prob", "_log_reference"):
            setattr(self, name, getattr(self, name)[first:])
        for name in ("_count", "_b", "_log_evidence"):
            setattr(self, name, getattr(self, name)[1:])


def ladder_error(history: Iterable[WindowRecord]) -> float:
    """Return the standard error of ln Z that the effective rows of the levels allow."""
    sizes = [w.settings["ess"] for w in history if "ess" in w.settings]
    return math.sqrt(sum(KIN / max(size, 1.0) for size in sizes))
