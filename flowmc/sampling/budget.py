"""When a run has done enough: draws, effective draws, evaluations, time, a request."""

__all__ = ["Budget", "Room"]

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Room(NamedTuple):
    """Evaluations, gradients among them, that a unit of work may take; a count.

    Attributes:
        share: Left of its share of a budget, which one sweep may overrun.
        most: Left of all of it, without what production needs at least.
    """

    share: float = math.inf
    most: float = math.inf

    @property
    def least(self) -> float:
        """What is left of both."""
        return min(self)

    def takes(self, cost: float, *, spent: float = 0.0) -> bool:
        """Whether more work fits, if the unit has spent so much."""
        return spent + cost <= self.least

    def whole(self, wanted: int, *, cost: int) -> int:
        """Return how many of `wanted` pieces of work fit into all that is left."""
        return max(0, int(min(wanted * cost, self.most) // cost))


@dataclass
class Budget:
    """Limits of a run; None is no limit.

    Attributes:
        num_draws: Production draws of each chain.
        target_ess: Smallest bulk ESS wanted; production goes on until it is reached.
        max_evaluations: Evaluations of the log-density, warm-up included.
        max_seconds: Wall time; the number of draws then depends on the machine.
        should_stop: Asked between units of work; True interrupts the run.
    """

    num_draws: int
    target_ess: float | None = None
    max_evaluations: int | None = None
    max_seconds: float | None = None
    should_stop: Callable[[], bool] | None = None
    started: float = field(default_factory=time.monotonic)

    def is_interrupted(self) -> bool:
        """Whether the caller asked to stop."""
        return self.should_stop is not None and bool(self.should_stop())

    def room(self, num_evaluations: int, *, share: float, reserve: int = 0) -> Room:
        """Return what is left for a unit of work.

        Args:
            num_evaluations: Spent so far.
            share: Of the evaluations, for work of its kind and all before.
            reserve: Evaluations that are not to be touched.
        """
        limit = self.max_evaluations
        if limit is None:
            return Room()
        return Room(share * limit - num_evaluations, limit - reserve - num_evaluations)

    def is_spent(self, num_evaluations: int, *, share: float) -> bool:
        """Whether a share of the evaluations or of the time is used up."""
        limit, elapsed = self.max_evaluations, time.monotonic() - self.started
        if limit is not None and num_evaluations > share * limit:
            return True
        return self.max_seconds is not None and elapsed > share * self.max_seconds

    def exhausted(self, num_evaluations: int, *, next_cost: int) -> str | None:
        """Return the sentence of the limit that leaves no room for more, or None."""
        limit = self.max_evaluations
        if limit is not None and num_evaluations + next_cost > limit:
            return (
                f"The budget of {self.max_evaluations} evaluations was used up before "
                "the draws asked for were made. Raise `max_evaluations`."
            )
        elapsed = time.monotonic() - self.started
        if self.max_seconds is not None and elapsed >= self.max_seconds:
            return (
                f"The budget of {self.max_seconds:g} s was used up before the draws "
                "asked for were made. Raise `max_seconds`."
            )
        return None
