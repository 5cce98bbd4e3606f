"""A target that may be evaluated only so often."""

__all__ = ["Metered", "NoRoomError"]

import numpy as np

from flowmc.core.errors import FlowmcError
from flowmc.sampling.space import Space


class NoRoomError(FlowmcError):
    """Work would go beyond the evaluations that it was given."""


class Metered:
    """A space that counts down.

    Args:
        space: What is evaluated.
        most: Evaluations and gradients that are allowed.

    Attributes:
        left: Of them.
    """

    def __init__(self, space: Space, most: float) -> None:
        self._space, self.left = space, most
        self.target, self.event_size = space.target, space.event_size
        self.sample_reference = space.sample_reference

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log-density of `x` `[n, D]`.

        Raises:
            NoRoomError: Fewer than `n` evaluations are left.
        """
        self._pay(len(x))
        return self._space.log_prob(x)

    def value_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-density of `x` `[n, D]` and its gradient.

        Raises:
            NoRoomError: Fewer than `n` evaluations are left.
        """
        self._pay(len(x))
        return self._space.value_and_gradient(x)

    def _pay(self, cost: int) -> None:
        if cost > self.left:
            raise NoRoomError(
                f"Descents must keep to their part of `max_evaluations`; {cost} more "
                f"than the {self.left:.0f} that are left were wanted. Raise it."
            )
        self.left -= cost
