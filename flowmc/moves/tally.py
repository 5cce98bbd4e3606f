"""Counts of what became of a move's proposals."""

__all__ = ["Tally"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Tally:
    """Proposals of one kind, walker by walker.

    Attributes:
        num_steps: Steps of the whole ensemble.
        num_proposals: One a walker and step.
        num_accepted: Of those.
        num_masked: Proposals that were not finite or not inside the bounds; the user's
            function never saw them.
        num_unscored: Walkers at which log q was not finite, so that they stayed.
        longest_wait: Most rejections of one walker in a row.
        wait: Rejections of each walker since it last moved `[num_walkers]`.
    """

    num_steps: int = 0
    num_proposals: int = 0
    num_accepted: int = 0
    num_masked: int = 0
    num_unscored: int = 0
    longest_wait: int = 0
    wait: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Tally":
        """Return a tally from its attributes, the array as a list."""
        return cls(**{**values, "wait": np.asarray(values["wait"], dtype=int)})

    @property
    def acceptance(self) -> float:
        """Accepted share of the proposals, NaN where there was none."""
        return self.num_accepted / self.num_proposals if self.num_steps else math.nan

    def count(
        self, accepted: np.ndarray, *, num_masked: int = 0, num_unscored: int = 0
    ) -> None:
        """Enter one step of the ensemble; `accepted` is `[num_walkers]`."""
        if len(self.wait) != len(accepted):
            self.wait = np.zeros(len(accepted), dtype=int)
        self.wait = np.where(accepted, 0, self.wait + 1)
        self.longest_wait = max(self.longest_wait, int(self.wait.max()))
        self.num_steps += 1
        self.num_proposals += len(accepted)
        self.num_accepted += int(accepted.sum())
        self.num_masked += num_masked
        self.num_unscored += num_unscored

    def enter(self, outcome: Any) -> None:
        """Enter a step of all walkers, a `decision.Outcome`."""
        self.count(
            outcome.accepted,
            num_masked=outcome.num_masked,
            num_unscored=outcome.num_unscored,
        )
