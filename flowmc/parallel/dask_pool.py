"""`dask.distributed.Client`.

The function is no task of its own, although dask could then hand it from worker to
worker: tasks that depend on a result of a dead worker wait for its connection to time
out, half a minute and more.
"""

__all__ = ["DaskChannel"]

import contextlib
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from flowmc.core.errors import TargetError
from flowmc.parallel.channel import MAX_ATTEMPTS, Lost
from flowmc.parallel.keyed import Keyed
from flowmc.parallel.worker import call_message

PICKLER = "distributed.protocol.pickle"
WATCH_SECONDS = 2.0  # between two looks for workers
DESERTED_SECONDS = 25.0  # after which workers that died will not come back


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
        self._futures: dict[Any, tuple[int, list[Any]]] = {}
        self._had_workers = bool(client.nthreads())  # some queues take hours
        # Dask's workers do not survive a task that they cannot unpickle; bytes that
        # they unpickle within a task are another matter.
        try:
            self._keyed = Keyed((PICKLER, import_module(PICKLER).dumps(function)))
        except Exception as error:
            raise TargetError(
                f"Dask must be able to send the function; {function!r} cannot be "
                f"pickled: {error}. Define it at the top level of a module."
            ) from error

    @property
    def size(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Map over the messages at once: cheaper than one by one."""
        self._submit(messages, carries=False)

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for all that is under way, or with a limit for what comes in time."""
        self._wait(seconds)
        done = [f for f in self._futures if f.done()]
        finished = [future for future in done if future.status == "finished"]
        is_complete = len(done) == len(self._futures)
        answers = dict(
            zip(finished, self._client.gather(finished, errors="raise"), strict=True)
        )
        found: list[tuple[int, Any]] = []
        again = []
        for future in done:
            token, items = self._futures.pop(future)
            answer = answers.get(future)
            if answer is None:
                found.append((token, self._error(future)))
            elif self._keyed.must_repeat(answer):
                again.append((token, items))
            else:
                found.append((token, answer))
        self._submit(again, carries=True)
        if is_complete and not again:
            self._blame(found)
        return found

    def _blame(self, found: list[tuple[int, Any]]) -> None:
        """Where one message of a whole batch was killed, it was no bystander."""
        killed = [
            i for i, (_, answer) in enumerate(found) if isinstance(answer, _Killed)
        ]
        if len(killed) == 1:
            token, lost = found[killed[0]]
            found[killed[0]] = (token, Lost(lost.reason, attempts=MAX_ATTEMPTS))

    def abandon(self, token: int) -> None:
        """Restart the worker that has the message: dask cannot stop a running call."""
        for future in [f for f, held in self._futures.items() if held[0] == token]:
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

    def _wait(self, seconds: float | None) -> None:
        """Wait for all futures, for so long, and for workers where all have died."""
        until = None if seconds is None else time.monotonic() + seconds
        last_seen = time.monotonic()
        while True:
            pause = WATCH_SECONDS
            if until is not None:
                pause = min(pause, max(0.0, until - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                self._dask.wait(list(self._futures), timeout=pause)
                return
            if until is not None and time.monotonic() >= until:
                return
            if self._client.nthreads():
                last_seen, self._had_workers = time.monotonic(), True
            elif self._had_workers and time.monotonic() - last_seen > DESERTED_SECONDS:
                raise TargetError(
                    "Dask needs workers; those that were there are gone, and for "
                    f"{DESERTED_SECONDS:g} s none has come. Look at their logs, start "
                    "workers, and resume the run from its checkpoint."
                )

    def _submit(
        self, messages: Sequence[tuple[int, list[Any]]], *, carries: bool
    ) -> None:
        if not messages:
            return
        sent = [self._keyed.message(items, carries=carries) for _, items in messages]
        # Pure would mean: equal arguments, equal results, whatever the code.
        futures = self._client.map(call_message, sent, pure=False)
        self._futures.update(zip(futures, messages, strict=True))

    def _error(self, future: Any) -> Any:
        if future.status == "cancelled":
            return Lost("its task was cancelled: the scheduler or a worker is gone")
        error = future.exception()
        if isinstance(error, self._dask.KilledWorker):
            return _Killed(f"its workers died: {error}")
        return error


class _Killed(Lost):
    """Lost with as many workers as the scheduler allows."""
