"""What a suite found, and whether it passed."""

__all__ = ["Failure", "Report"]

from dataclasses import dataclass, field
from typing import NamedTuple

from flowmc.validation.check import Check, z_limit


class Failure(NamedTuple):
    """A case that raised instead of giving numbers."""

    group: str
    case: str
    error: str


@dataclass
class Report:
    """Filled case by case, so that it can be shown at any time.

    Attributes:
        checks: In the order they were made.
        failures: Cases that raised.
        notes: Sentences that decide nothing, such as a sampler's own verdict.
        seconds: Group -> wall time.
    """

    checks: list[Check] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def limit(self) -> float:
        """Largest |z| that passes."""
        return z_limit(len(self.checks))

    @property
    def failed(self) -> list[Check]:
        """The checks that do not pass."""
        return [check for check in self.checks if not check.passes(self.limit)]

    @property
    def ok(self) -> bool:
        """Whether something was checked and all of it passed."""
        return bool(self.checks) and not self.failed and not self.failures

    def worst(self) -> list[Check]:
        """Return for each case a failed check, else that of the largest |z|."""
        limit = self.limit
        found: dict[tuple[str, str], Check] = {}
        for check in self.checks:
            place = check.group, check.case
            if place not in found or _rank(check, limit) > _rank(found[place], limit):
                found[place] = check
        return list(found.values())


def _rank(check: Check, limit: float) -> tuple[bool, float]:
    return not check.passes(limit), abs(check.z) if check.z == check.z else 0.0
