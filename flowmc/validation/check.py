"""One check: a number with an error beside its exact answer, and when it passes.

With N checks of correct code, none of which is off by more than its error explains,
some |z| exceeds the limit in one of a thousand suites: the limit is Bonferroni's for
two-sided normal errors.  A check whose error is large passes easily, so its resolution,
the error in units of the quantity's own spread, is bounded, too.
"""

__all__ = ["Check", "z_limit"]

import math
from typing import NamedTuple

from scipy import special

FALSE_ALARMS = 1e-3  # of a whole suite of correct code
RESOLUTION = 0.05  # largest error, in units of the quantity's spread
CONTROL = 8.0  # what is wrong on purpose must stand out by as much


class Check(NamedTuple):
    """A quantity with a known answer."""

    group: str
    case: str
    quantity: str
    found: float
    error: float  # Monte Carlo standard error of `found`
    truth: float
    spread: float  # of one draw of the quantity; 1 for a log evidence
    is_control: bool = False  # wrong on purpose: passes if it is seen to be

    @property
    def z(self) -> float:
        """The difference in units of its error; NaN where there is no error."""
        if not self.error > 0.0:
            return math.nan
        return (self.found - self.truth) / self.error

    @property
    def resolution(self) -> float:
        """The error in units of the spread; NaN where nothing varies."""
        return self.error / self.spread if self.spread > 0.0 else math.nan

    def passes(self, limit: float) -> bool:
        """Return whether the answer is right, and sharp enough to be wrong."""
        if self.is_control:
            return abs(self.z) > CONTROL
        return abs(self.z) <= limit and self.resolution <= RESOLUTION


def z_limit(num_checks: int) -> float:
    """Return the largest |z| that passes among so many checks."""
    return float(-special.ndtri(0.5 * FALSE_ALARMS / max(num_checks, 1)))
