"""How the learning rate falls: along a cosine, or whenever progress stops.

The cosine needs to know the last step and ends well there.  The plateau rule needs
nothing: use it with many steps, where held-out loss alone is to say when to stop.
"""

__all__ = ["Plateau", "SCHEDULES", "cosine"]

import math

import numpy as np

SCHEDULES = ("cosine", "plateau")
FINAL_RATE = 0.02  # of the initial rate, where the cosine ends


def cosine(steps: np.ndarray, total_steps: int) -> np.ndarray:
    """Return the share of the initial rate in force at each of `steps`."""
    part = np.minimum(np.asarray(steps) / max(total_steps, 1), 1.0)
    return FINAL_RATE + (1.0 - FINAL_RATE) * 0.5 * (1.0 + np.cos(math.pi * part))


class Plateau:
    """Lowers the rate when the held-out loss has not fallen for some steps.

    Args:
        wait: Steps without a smaller loss after which the rate is lowered.
        factor: What the rate is multiplied by.
    """

    def __init__(self, *, wait: int, factor: float = 0.3) -> None:
        self._wait = wait
        self._factor = factor
        self._best = math.inf
        self._since = 0

    def observe(self, step: int, loss: float) -> float:
        """Take note of the loss after `step`; return what to multiply the rate by."""
        if loss < self._best:
            self._best, self._since = loss, step
            return 1.0
        if step - self._since < self._wait:
            return 1.0
        self._since = step
        return self._factor
