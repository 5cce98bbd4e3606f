"""`dask.distributed.Client`: the function becomes a task that all others depend on.

The scheduler hands the loaded function from worker to worker as it does any result, and
makes it again where its holders have died.
"""

__all__ = ["DaskChannel"]

import contextlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from flowmc.core.errors import TargetError
from flowmc.parallel.channel import Lost
from flowmc.parallel.worker import NotLoaded, call_all, load_with

PICKLER = "distributed.protocol.pickle"


class DaskChannel:
    """Messages through the client's `map`.

    Args:
        client: The user's; it stays open.
        function: Whatever dask can send: lambdas and functions of a notebook, too.

    Raises:
        TargetError: Dask cannot send the function.
    """

    message_seconds = 0.1  # a task costs the scheduler a millisecond or two
    window = None
    is_broken = False
    is_vague = True  # workers hold tasks in waiting, and these die with them

    def __init__(self, client: Any, *, function: Any) -> None:
        self._client = client
        self._dask = import_module("distributed")
        self._futures: dict[Any, int] = {}
        # Dask's workers do not survive a task that they cannot unpickle; bytes that
        # they unpickle within a task are another matter.
        try:
            data = import_module(PICKLER).dumps(function)
        except Exception as error:
            raise TargetError(
                f"Dask must be able to send the function; {function!r} cannot be "
                f"pickled: {error}. Define it at the top level of a module."
            ) from error
        # Pure would mean: equal arguments, equal results, whatever the code.
        self._function = client.submit(load_with, PICKLER, data, pure=False)

    @property
    def size(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Map over the messages at once: cheaper than one by one."""
        futures = self._client.map(
            call_all,
            [items for _, items in messages],
            function=self._function,
            pure=False,
        )
        self._futures.update(
            zip(futures, (token for token, _ in messages), strict=True)
        )

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for all that is under way, or with a limit for what comes in time."""
        with contextlib.suppress(TimeoutError):
            self._dask.wait(list(self._futures), timeout=seconds)
        done = [f for f in self._futures if f.done()]
        finished = [future for future in done if future.status == "finished"]
        answers = dict(
            zip(finished, self._client.gather(finished, errors="raise"), strict=True)
        )
        found = []
        for future in done:
            token = self._futures.pop(future)
            found.append((token, answers.get(future) or self._error(future)))
        return found

    def abandon(self, token: int) -> None:
        """Restart the worker that has the message: dask cannot stop a running call."""
        for future in [f for f, t in self._futures.items() if t == token]:
            del self._futures[future]
            busy = self._client.processing()
            holders = [worker for worker, keys in busy.items() if future.key in keys]
            self._client.cancel([future], force=True)
            if holders:
                self._client.restart_workers(holders, raise_for_error=False)

    def reset(self) -> None:
        """Cancel what is under way."""
        self._client.cancel(list(self._futures), force=True)
        self._futures.clear()

    def close(self) -> None:
        """Do nothing: the client is the user's."""

    def _error(self, future: Any) -> Any:
        if future.status == "cancelled":
            return Lost("its task was cancelled: the scheduler or a worker is gone")
        error = future.exception()
        if self._function.status == "error":
            return NotLoaded(f"{type(error).__name__}: {error}")
        if isinstance(error, self._dask.KilledWorker):
            # As many as the scheduler allows.
            return Lost(f"its workers died: {error}")
        return error
