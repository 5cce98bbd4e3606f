"""What a person sees while a run goes on: bars on a terminal, log lines elsewhere."""

__all__ = ["Display"]

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flowmc.cli.log_progress import LogProgress


class Display:
    """Progress and status on stderr.

    Args:
        quiet: Show nothing.
        tells_all: Off a terminal, a line for every report of progress.
    """

    def __init__(self, *, quiet: bool = False, tells_all: bool = False) -> None:
        self._quiet = quiet
        self._log = LogProgress(tells_all=tells_all)

    @property
    def is_terminal(self) -> bool:
        """Whether bars and spinners can be drawn."""
        return sys.stderr.isatty() and not self._quiet

    @property
    def progress(self) -> Any:
        """What `flowmc.sample` gets as `progress`."""
        if self._quiet:
            return False
        return True if self.is_terminal else self._log

    def say(self, message: str) -> None:
        """Show one line."""
        if not self._quiet:
            self._log.log(message)

    @contextmanager
    def busy(self, message: str) -> Iterator[Callable[[str], Any]]:
        """Show `message` while the block runs; yields a function to replace it."""
        if not self.is_terminal:
            self.say(message)
            yield self.say
            return
        from rich.console import Console

        with Console(stderr=True).status(message) as status:
            yield status.update
