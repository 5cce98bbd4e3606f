"""Executors of `concurrent.futures` and `mpi4py.futures`, and others like them."""

__all__ = ["ExecutorChannel"]

import contextlib
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from flowmc.parallel.channel import Lost
from flowmc.parallel.keyed import Keyed
from flowmc.parallel.worker import call_message


class ExecutorChannel:
    """Messages through `submit`, which gives a future for each.

    Args:
        executor: The user's; it stays open.
        source: The pickled function.
        size: Number of workers.
    """

    message_seconds = 10e-3
    window = None
    is_vague = False

    def __init__(self, executor: Executor, *, source: Any, size: int) -> None:
        self.size = size
        self.is_broken = False
        self._executor = executor
        self._keyed = Keyed(source)
        self._futures: dict[Future, tuple[int, list[Any]]] = {}

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Submit each message."""
        for token, items in messages:
            self._submit(token, items)

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for futures."""
        if self.is_broken:
            return []
        done, _ = wait(self._futures, seconds, FIRST_COMPLETED)
        found: list[tuple[int, Any]] = []
        for future in done:
            token, items = self._futures.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                self.is_broken = True
                found.append((token, Lost("its pool broke")))
            elif error is not None:
                found.append((token, error))
            elif self._keyed.must_repeat(future.result()):
                self._submit(token, items, carries=True)
            else:
                found.append((token, future.result()))
        return found

    def abandon(self, token: int) -> None:
        """Kill the workers: a process executor cannot end one call alone."""
        processes = getattr(self._executor, "_processes", None) or {}
        for process in list(processes.values()):
            process.kill()
        self._futures = {f: v for f, v in self._futures.items() if v[0] != token}
        self.is_broken = True

    def reset(self) -> None:
        """Cancel what has not begun."""
        for future in self._futures:
            future.cancel()
        self._futures.clear()

    def close(self) -> None:
        """Do nothing: the executor is the user's."""

    def _submit(self, token: int, items: list[Any], *, carries: bool = False) -> None:
        message = self._keyed.message(items, carries=carries)
        # A broken executor refuses; the dispatcher has kept the message.
        with contextlib.suppress(BrokenExecutor):
            future = self._executor.submit(call_message, message)
            self._futures[future] = (token, items)
            return
        self.is_broken = True
