"""Progress as a few log lines, for batch queues and redirected output."""

__all__ = ["LogProgress"]

import sys
import time
from collections.abc import Mapping
from typing import Any


class LogProgress:
    """Writes a line to stderr when a phase starts and at each quarter of it.

    Args:
        tells_all: Write a line for every report instead: where units take long.
    """

    def __init__(self, *, tells_all: bool = False) -> None:
        self._tells_all = tells_all
        self._start = time.monotonic()
        self._seen: dict[str, tuple[int, int]] = {}  # phase -> done, quarter

    def update(
        self, phase: str, done: int, total: int, stats: Mapping[str, Any] | None = None
    ) -> None:
        """Report `done` of `total` units of `phase`."""
        quarter = 4 * done // max(total, 1)
        last_done, last_quarter = self._seen.get(phase, (0, -1))
        restarted = done < last_done
        self._seen[phase] = done, quarter
        if quarter <= last_quarter and not (restarted or self._tells_all):
            return
        notes = " ".join(f"{key}={_short(value)}" for key, value in _items(stats))
        self.log(f"{phase}: {done} of {total} {notes}".rstrip())

    def log(self, message: str) -> None:
        """Write one line with the seconds since the start."""
        seconds = time.monotonic() - self._start
        sys.stderr.write(f"flowmc [{seconds:6.1f} s] {message}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Forget what was reported."""
        self._seen.clear()


def _items(stats: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list((stats or {}).items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
