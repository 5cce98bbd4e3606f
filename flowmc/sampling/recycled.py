"""Every scored proposal of an annealing, weighted for any temperature.

Jumps propose independent draws of a map with a known density; accepted or not, each
is worth pi_b / q at any `b`.  Beside the states of the ladder, which repeat wherever a
jump is refused, they are what particles are resampled from and maps are fitted to.

Reference: Cappe, Guillin, Marin and Robert (2004), doi:10.1198/106186004X12803
(population Monte Carlo); Lange (2023), arXiv:2306.16923 (all points of an importance
nested sampler).

A set's share of the pool is its effective number of draws, with truncated weights: a
set that happens to meet a far region has few effective draws of its own weights, and
would lose its say because of what it found.
"""

__all__ = ["RARE", "Recycled", "WeightedRows", "pooled"]

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from flowmc.sampling.ladder import Ladder
from flowmc.sampling.temper import effective_sample_size, systematic_resample, truncate
from flowmc.sampling.tempering import temper

MOST_SETS = 8  # older proposals weigh nothing by then
CORRELATED = 4.0  # states of chains that are worth an independent draw
RARE = 50.0  # times less often proposed than the density is there
LEAST_EFFECTIVE = 2.0  # draws of a set that says anything
COLUMNS = ("x", "log_prob", "log_reference", "log_q", "number")


class WeightedRows(NamedTuple):
    """Rows that stand for the density at one temperature."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], target
    log_reference: np.ndarray  # [n]
    log_weight: np.ndarray  # [n]
    log_evidence: float
    size: float  # independent draws that they are worth, where one is not all

    def resample(
        self, n: int, *, random: np.random.Generator, is_truncated: bool = False
    ) -> tuple:
        """Return `n` rows in proportion to their weights: x, log_prob, reference.

        Args:
            n: Rows to return.
            random: Source of randomness.
            is_truncated: Whether no weight counts above the mean times the root of
                their number: for fits, which copies of a few rows would mislead.
        """
        log_weight = truncate(self.log_weight) if is_truncated else self.log_weight
        chosen = systematic_resample(log_weight, random=random, n=n)
        return self.x[chosen], self.log_prob[chosen], self.log_reference[chosen]


class Recycled:
    """Proposals of several maps with all that is known of them.

    Args:
        event_size: `D`.
    """

    def __init__(self, event_size: int) -> None:
        self._columns = {name: np.empty(0) for name in COLUMNS}
        self._columns["x"] = np.empty((0, event_size))
        self._last = 0

    def add(self, x, log_prob, log_reference, log_q) -> None:
        """Add draws `[n, D]` of one frozen map; the oldest sets are forgotten.

        Args:
            x: All that were proposed, those of zero density among them.
            log_prob: The target's log-density `[n]`.
            log_reference: The reference's `[n]`.
            log_q: The map's `[n]`.
        """
        self._last += 1
        number = np.full(len(x), float(self._last))
        rows = (x, log_prob, log_reference, log_q, number)
        for name, new in zip(COLUMNS, rows, strict=True):
            self._columns[name] = np.concatenate([self._columns[name], new])
        kept = self._columns["number"] > self._last - MOST_SETS
        self._columns = {name: array[kept] for name, array in self._columns.items()}

    def sets(self, b: float) -> list[WeightedRows]:
        """Return the sets, each weighted for the temperature `b`."""
        numbers = np.unique(self._columns["number"])
        found = [self._one(number, b) for number in numbers]
        return [rows for rows in found if rows.size >= LEAST_EFFECTIVE]

    def rare(self, b: float, log_q: Any, *, log_evidence: float) -> list[WeightedRows]:
        """Return of each set the rows where `log_q` lies far below the density.

        Their `size` is the mass of the density that they stand for, by importance
        sampling and at most 1: what lies there and is hardly proposed.

        Args:
            b: Inverse temperature.
            log_q: Function `[n, D] -> [n]`, log-density of a proposal.
            log_evidence: Of the density at `b`.
        """
        found = []
        for number in np.unique(self._columns["number"]):
            rows = self._one(number, b)
            usable = np.isfinite(rows.log_weight)
            if not usable.any():
                continue
            kept = np.flatnonzero(usable)
            density = temper(rows.log_prob[kept], rows.log_reference[kept], b)
            ratio = density - log_q(rows.x[kept]) - log_evidence
            kept = kept[ratio > math.log(RARE)]
            log_weight = rows.log_weight[kept]
            # Where hardly any mass was known the estimate has no bound; the mass has.
            with np.errstate(over="ignore"):
                mass = min(1.0, np.exp(log_weight - log_evidence).sum() / len(rows.x))
            x, log_prob, reference = (column[kept] for column in rows[:3])
            found.append(
                WeightedRows(
                    x, log_prob, reference, log_weight, log_evidence, float(mass)
                )
            )
        return found

    def last(self, b: float) -> WeightedRows | None:
        """Return the newest set, weighted for `b`; None if there is none."""
        numbers = self._columns["number"]
        return self._one(numbers[-1], b) if len(numbers) else None

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, for checkpoints."""
        return {**self._columns, "last": np.array(self._last)}

    def from_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Restore what `to_arrays` returned."""
        self._columns = {name: np.asarray(arrays[name]) for name in COLUMNS}
        self._last = int(arrays["last"])

    def _one(self, number: float, b: float) -> WeightedRows:
        chosen = self._columns["number"] == number
        x, log_prob, reference, log_q = (self._columns[k][chosen] for k in COLUMNS[:4])
        with np.errstate(invalid="ignore"):
            log_weight = temper(log_prob, reference, b) - log_q
        log_weight = np.where(np.isfinite(log_weight), log_weight, -np.inf)
        log_evidence = -math.inf
        if np.isfinite(log_weight).any():
            log_evidence = float(logsumexp(log_weight)) - math.log(len(x))
        size = effective_sample_size(truncate(log_weight))
        return WeightedRows(x, log_prob, reference, log_weight, log_evidence, size)


def pooled(ladder: Ladder, recycled: Recycled, b: float) -> WeightedRows:
    """Return all rows for `b`, every part by what it is worth."""
    log_weight = ladder.log_weight(b)
    size = effective_sample_size(truncate(log_weight)) / CORRELATED
    own = WeightedRows(*ladder.rows, log_weight, float(logsumexp(log_weight)), size)
    kept = [part for part in (own, *recycled.sets(b)) if part.size > 0.0]
    total = sum(part.size for part in kept)
    log_sizes = [math.log(part.size / total) for part in kept]
    weights = [
        part.log_weight - logsumexp(part.log_weight) + log_size
        for part, log_size in zip(kept, log_sizes, strict=True)
    ]
    evidences = [part.log_evidence for part in kept]
    return WeightedRows(
        np.concatenate([part.x for part in kept]),
        np.concatenate([part.log_prob for part in kept]),
        np.concatenate([part.log_reference for part in kept]),
        np.concatenate(weights),
        float(logsumexp(np.add(evidences, log_sizes))),
        total,
    )
