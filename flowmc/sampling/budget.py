"""When a run has done enough: draws, effective draws, evaluations, time, a request."""

__all__ = ["Budget"]

import time
from collections.abc import Callable
from dataclasses import dataclass, field


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

    def room(self, num_evaluations: int, *, share: float) -> float:
        """Return how many evaluations are left of a share of them."""
        limit = self.max_evaluations
        return float("inf") if limit is None else share * limit - num_evaluations

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
