"""Progress bars on long work; silent where nobody watches.

`progress=True` draws a tqdm bar on a terminal and nothing elsewhere.  A callable is
given `(phase, done, total, stats)` after every block instead.
"""

__all__ = ["NullProgress", "Progress", "make_progress"]

import shutil
from collections.abc import Callable, Mapping
from typing import Any, Protocol

# No rate: what is counted are blocks of very different lengths.
FORMAT = "{desc} {n_fmt}/{total_fmt} |{bar:4}| {elapsed}{postfix}"
BESIDE = len(" |    | 0:00:00, ")  # columns of what does not depend on the phase
ProgressCallback = Callable[[str, int, int, Mapping[str, Any]], None]


class Progress(Protocol):
    """What the samplers report to."""

    def update(
        self, phase: str, done: int, total: int, stats: Mapping[str, Any] | None = None
    ) -> None:
        """Tell that `done` of `total` units of `phase` are finished."""

    def close(self) -> None:
        """Finish the display."""


class NullProgress:
    """Shows nothing."""

    def update(self, phase, done, total, stats=None) -> None:
        """Ignore the report."""

    def close(self) -> None:
        """Do nothing."""


class CallbackProgress:
    """Hands every report to a function."""

    def __init__(self, callback: ProgressCallback) -> None:
        self._callback = callback

    def update(self, phase, done, total, stats=None) -> None:
        """Pass the report on."""
        self._callback(phase, done, total, stats or {})

    def close(self) -> None:
        """Do nothing."""


class BarProgress:
    """One tqdm bar a phase; `disable=None` keeps it silent where no terminal is."""

    def __init__(self, *, disable: bool | None = None) -> None:
        self._bar: Any = None
        self._phase = ""
        self._disable = disable

    def update(self, phase, done, total, stats=None) -> None:
        """Advance the bar of `phase`, opening it first if it is new."""
        from tqdm.auto import tqdm

        if phase != self._phase or self._bar is None:
            self.close()
            self._phase = phase
            self._bar = tqdm(
                total=total,
                desc=phase,
                disable=self._disable,
                leave=True,
                bar_format=FORMAT,
                dynamic_ncols=True,
            )
        self._bar.total = total
        self._bar.n = done
        if stats:
            self._bar.set_postfix_str(
                _fitting(stats, f"{phase} {done}/{total}"), refresh=False
            )
        self._bar.refresh()

    def close(self) -> None:
        """Close the bar in view; only a finished one stays on the screen."""
        if self._bar is not None:
            # Phases that alternate, such as sampling and training, share one line.
            self._bar.leave = self._bar.n >= self._bar.total
            self._bar.close()
            self._bar = None


def make_progress(progress: Any) -> Progress:
    """Return the display for `progress`: False, True, a callable or a `Progress`."""
    if progress is None or progress is False:
        return NullProgress()
    if progress is True:
        return BarProgress()
    if hasattr(progress, "update") and hasattr(progress, "close"):
        return progress
    return CallbackProgress(progress)


def _fitting(stats: Mapping[str, Any], head: str) -> str:
    """Return the figures that fit the terminal beside `head`, whole ones only."""
    room = shutil.get_terminal_size().columns - len(head) - BESIDE
    text = ""
    for name, value in stats.items():
        more = f"{', ' if text else ''}{name}={_short(value)}"
        if name == "of about":  # so much, after what is spent: one figure
            more = f" of ~{_short(value)}"
        if len(text) + len(more) > room:
            break
        text += more
    return text


def _short(value: Any) -> str:
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000.0):
        return f"{value:,.0f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
