"""Where a move is in its schedule: plain values, saved with what it learned."""

__all__ = ["Position"]

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Position:
    """How far a move is, and what emcee has told it.

    Attributes:
        num_steps: Own steps so far.
        num_learned: Those that it learned from.
        frozen_at: Rows of the chain to discard, or None while it adapts.
        row: Rows of the chain up to the latest step.
        learned_until: The same, up to the latest step it learned from.
        is_tuned: Whether emcee has ever tuned it.
        was_tuned: Whether emcee did so after the latest step.
    """

    num_steps: int = 0
    num_learned: int = 0
    frozen_at: int | None = None
    row: int = 0
    learned_until: int = 0
    is_tuned: bool = False
    was_tuned: bool = False

    @property
    def is_paused(self) -> bool:
        """Whether the latest run is one without `tune` after one with it."""
        return self.is_tuned and not self.was_tuned

    @property
    def num_discarded(self) -> int | None:
        """Rows of the chain to discard, or None while it adapts."""
        if self.frozen_at is None and self.is_paused:
            return self.learned_until
        return self.frozen_at

    def recount(self, num_stored: Callable[..., int]) -> None:
        """Keep `frozen_at` to the chain there is: a shorter one is another one.

        Args:
            num_stored: `num_stored(default=n)` counts its rows, n if no one knows.
        """
        if self.frozen_at:
            self.frozen_at = min(self.frozen_at, num_stored(default=self.frozen_at))
