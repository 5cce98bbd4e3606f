"""Every scored proposal of an annealing, weighted for any temperature.

Jumps propose independent draws of a map with a known density; accepted or not, they
are kept.  Taken together, draws of several maps are draws of the mixture of their
densities, and each is worth

    w_b(x) = pi_b(x) / q(x),    q = sum_k (n_k / n) q_k

at any `b`: a point that its own map hardly proposed, and another map often, weighs what
it is worth to both.  Beside the states of the ladder, which repeat wherever a jump is
refused, they are what particles are resampled from and maps are fitted to.

Reference: Veach and Guibas (1995), doi:10.1145/218380.218498 (the balance heuristic);
Cornuet, Marin, Mira and Robert (2012), arXiv:0907.1254 (adaptive multiple importance
sampling).
"""

__all__ = ["RARE", "Recycled", "WeightedRows", "pooled"]

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from flowmc.sampling.ladder import Ladder
from flowmc.sampling.parts import part_of
from flowmc.sampling.temper import effective_sample_size, systematic_resample
from flowmc.sampling.tempering import temper

MOST_SETS = 8  # older proposals weigh nothing by then
CORRELATED = 4.0  # states of chains that are worth an independent draw
RARE = 50.0  # times less often proposed than the density is there
LEAST_EFFECTIVE = 2.0  # draws that say anything
COLUMNS = ("log_prob", "log_reference", "number")


class WeightedRows(NamedTuple):
    """Rows that stand for the density at one temperature."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], target
    log_reference: np.ndarray  # [n]
    log_weight: np.ndarray  # [n]
    log_evidence: float
    size: float  # independent draws that they are worth

    def resample(self, n: int, *, random: np.random.Generator) -> tuple:
        """Return `n` rows in proportion to their weights: x, log_prob, reference."""
        chosen = systematic_resample(self.log_weight, random=random, n=n)
        return self.x[chosen], self.log_prob[chosen], self.log_reference[chosen]


class Recycled:
    """Proposals of several maps with all that is known of them.

    Args:
        event_size: `D`.
    """

    def __init__(self, event_size: int) -> None:
        self._x = np.empty((0, event_size))
        self._columns = {name: np.empty(0) for name in COLUMNS}
        self._log_q = np.empty((0, 0))  # [rows, sets]: of each set's map, everywhere
        self._proposals: list[Any] = []  # of each set
        self._last = 0

    def add(self, x, log_prob, log_reference, log_q, *, proposal: Any) -> None:
        """Add draws `[n, D]` of one frozen map; the oldest sets are forgotten.

        Args:
            x: All that were proposed, those of zero density among them.
            log_prob: The target's log-density `[n]`.
            log_reference: The reference's `[n]`.
            log_q: The map's `[n]`.
            proposal: Has `log_prob`, the map's log-density as it is now, also later.
        """
        while len(self._proposals) >= MOST_SETS:
            self._forget_oldest()
        theirs = [past.log_prob(x) for past in self._proposals]
        here = np.stack([*theirs, log_q], axis=-1)
        mine = proposal.log_prob(self._x) if len(self._x) else np.empty(0)
        self._log_q = np.concatenate([np.c_[self._log_q, mine], here])
        self._proposals.append(proposal)
        self._last += 1
        self._x = np.concatenate([self._x, x])
        rows = (log_prob, log_reference, np.full(len(x), float(self._last)))
        for name, new in zip(COLUMNS, rows, strict=True):
            self._columns[name] = np.concatenate([self._columns[name], new])

    def weighted(self, b: float) -> WeightedRows | None:
        """Return all rows, weighted for `b`; None if they say nothing."""
        if not len(self._x):
            return None
        log_prob, reference, number = (self._columns[name] for name in COLUMNS)
        _, counts = np.unique(number, return_counts=True)
        with np.errstate(invalid="ignore"):
            mixture = logsumexp(self._log_q + np.log(counts / len(number)), axis=1)
            log_weight = temper(log_prob, reference, b) - mixture
        log_weight = np.where(np.isfinite(log_weight), log_weight, -np.inf)
        size = effective_sample_size(log_weight)
        if size < LEAST_EFFECTIVE:
            return None
        log_evidence = float(logsumexp(log_weight)) - math.log(len(log_weight))
        return WeightedRows(
            self._x, log_prob, reference, log_weight, log_evidence, size
        )

    def rare(
        self, b: float, log_q: Callable, *, log_evidence: float
    ) -> WeightedRows | None:
        """Return the rows where `log_q` lies far below the density.

        Their `size` is the mass of the density that they stand for, estimated without
        bias: what lies there and is hardly proposed.

        Args:
            b: Inverse temperature.
            log_q: Function `[n, D] -> [n]`, log-density of a proposal.
            log_evidence: Of the density at `b`.
        """
        rows = self.weighted(b)
        if rows is None:
            return None
        kept = np.flatnonzero(np.isfinite(rows.log_weight))
        density = temper(rows.log_prob[kept], rows.log_reference[kept], b)
        ratio = density - log_q(rows.x[kept]) - log_evidence
        kept = kept[ratio > math.log(RARE)]
        if not len(kept):
            return None
        x, log_prob, reference, log_weight = (column[kept] for column in rows[:4])
        mass = float(np.exp(log_weight - log_evidence).sum() / len(rows.x))
        return WeightedRows(x, log_prob, reference, log_weight, log_evidence, mass)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, for checkpoints."""
        arrays = {**self._columns, "x": self._x, "log_q": self._log_q}
        for index, proposal in enumerate(self._proposals):
            for name, array in proposal.to_arrays().items():
                arrays[f"proposal{index}/{name}"] = array
        return {**arrays, "last": np.array(self._last)}

    def from_arrays(
        self,
        arrays: Mapping[str, Any],
        *,
        make: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        """Restore what `to_arrays` returned.

        Args:
            arrays: The arrays.
            make: Makes a proposal of its arrays; without it nothing can be added.
        """
        self._x, self._log_q = np.asarray(arrays["x"]), np.asarray(arrays["log_q"])
        self._columns = {name: np.asarray(arrays[name]) for name in COLUMNS}
        self._last = int(arrays["last"])
        parts = [part_of(arrays, f"proposal{k}") for k in range(self._log_q.shape[1])]
        self._proposals = [make(part) if make else part for part in parts]

    def _forget_oldest(self) -> None:
        number = self._columns["number"]
        kept = number > number.min()
        self._x = self._x[kept]
        self._log_q = self._log_q[kept, 1:]
        self._columns = {name: array[kept] for name, array in self._columns.items()}
        del self._proposals[0]


def pooled(ladder: Ladder, recycled: Recycled, b: float) -> WeightedRows:
    """Return all rows for `b`, states and proposals by what each are worth."""
    log_weight = ladder.log_weight(b)
    size = effective_sample_size(log_weight) / CORRELATED
    own = WeightedRows(*ladder.rows, log_weight, float(logsumexp(log_weight)), size)
    proposed = recycled.weighted(b)
    if proposed is None:
        return own
    kept = [part for part in (own, proposed) if part.size > 0.0]
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
