"""Sends a batch of items through a channel and puts the answers in order.

The items of a dead worker are tried once more, each by itself, so that the culprit
shows itself; one that costs a second worker comes back as a `Failure`.  How many items
travel together depends on the pool and on how long they take, and changes no result:
each is a call of its own.
"""

__all__ = ["Dispatcher"]

import itertools
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError, TargetError
from flowmc.parallel.channel import MAX_ATTEMPTS, Channel, Lost, refuse_not_loaded
from flowmc.parallel.worker import Failure, NotLoaded

MESSAGES_PER_WORKER = 4  # at least, where there are items enough: for the balance


class Dispatcher:
    """Ordered map of the function that a channel carries.

    Args:
        channel: The way to the workers.
        timeout: Seconds allowed to one call, or None.
        spare: Makes a channel that takes over when this one breaks, or None.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        timeout: float | None = None,
        spare: Callable[[], Channel] | None = None,
    ) -> None:
        self._channel = channel
        self._timeout = timeout
        self._spare = spare
        self._tokens = itertools.count()
        self._seconds: float | None = None  # that one item took, of the last batch

    @property
    def size(self) -> int:
        """Number of workers now."""
        return self._channel.size

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""
        work = _Work(list(items))
        work.todo.extend(self._messages(len(work.items)))
        started = time.monotonic()
        try:
            while work.todo or work.running or work.suspects:
                self._send(work)
                self._receive(work)
        except BaseException:
            self._channel.reset()
            raise
        if work.items:
            parallel = min(self.size, len(work.items))
            elapsed = time.monotonic() - started
            self._seconds = elapsed * parallel / len(work.items)
        return [work.results[index] for index in range(len(work.items))]

    def close(self) -> None:
        """Release what was started here."""
        self._channel.close()

    def _messages(self, num_items: int) -> list[list[int]]:
        """Return the indices of the items of each message; sizes differ by one."""
        if not num_items:
            return []
        group, size = 1, self.size
        if self._timeout is None and self._seconds is not None:
            worth = self._channel.message_seconds / max(self._seconds, 1e-9)
            group = max(1, min(round(worth), num_items // (MESSAGES_PER_WORKER * size)))
        rounds = -(-num_items // (group * size))
        parts = np.array_split(np.arange(num_items), min(num_items, rounds * size))
        return [part.tolist() for part in parts]

    def _send(self, work: "_Work") -> None:
        if self._channel.is_broken:
            self._replace(work)
        if work.suspects and not (work.todo or work.running):
            work.todo.append([work.suspects.popleft()])  # alone: it shows itself
        channel = self._channel
        window = channel.window
        if self._timeout is not None:
            window = channel.size  # so that the clock of each starts when it does
        count = len(work.todo)
        if window is not None:
            count = max(0, min(count, window - len(work.running)))
        messages = []
        for _ in range(count):
            indices, token = work.todo.popleft(), next(self._tokens)
            messages.append((token, [work.items[index] for index in indices]))
            work.running[token] = (indices, time.monotonic())
        if messages:
            channel.submit(messages)

    def _receive(self, work: "_Work") -> None:
        if not work.running:
            return
        for token, answer in self._channel.collect(self._remaining(work)):
            if token not in work.running:
                continue  # of a message that was given up
            indices, _ = work.running.pop(token)
            self._settle(work, indices, answer)
        self._drop_late(work)

    def _settle(self, work: "_Work", indices: list[int], answer: Any) -> None:
        if isinstance(answer, NotLoaded):
            refuse_not_loaded(answer.details)
        if isinstance(answer, Lost):
            self._try_again(work, indices, answer)
        elif isinstance(answer, BaseException) and len(indices) > 1:
            work.todo.extendleft([index] for index in reversed(indices))
        elif isinstance(answer, BaseException):
            failure = Failure(type(answer).__name__, str(answer))
            work.results[indices[0]] = failure
        elif not isinstance(answer, list) or len(answer) != len(indices):
            raise ConfigurationError(
                "A pool must return one result per item, in order; it returned "
                f"{answer!r:.80} for {len(indices)} items. Use another pool."
            )
        else:
            work.results.update(zip(indices, answer, strict=True))

    def _try_again(self, work: "_Work", indices: list[int], lost: Lost) -> None:
        count = lost.attempts if len(indices) == 1 else min(lost.attempts, 1)
        for index in reversed(indices):
            work.attempts[index] = work.attempts.get(index, 0) + count
            if work.attempts[index] >= MAX_ATTEMPTS:
                text = f"at this point, tried twice, {lost.reason}"
                work.results[index] = Failure("WorkerDied", text)
            elif self._channel.is_vague:
                work.suspects.append(index)
            else:
                work.todo.appendleft([index])

    def _remaining(self, work: "_Work") -> float | None:
        if self._timeout is None:
            return None
        oldest = min(start for _, start in work.running.values())
        return max(0.0, oldest + self._timeout - time.monotonic())

    def _drop_late(self, work: "_Work") -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for token, (indices, start) in list(work.running.items()):
            if now - start >= self._timeout:
                del work.running[token]
                self._channel.abandon(token)
                text = f"no answer within {self._timeout} seconds"
                if self._channel.is_vague and not work.attempts.get(indices[0]):
                    work.attempts[indices[0]] = 1
                    work.suspects.append(indices[0])
                else:
                    work.results[indices[0]] = Failure("TimeoutError", text)

    def _replace(self, work: "_Work") -> None:
        """Go on without a broken pool; what was under way there is tried again."""
        if self._spare is None:
            raise TargetError(
                "A pool must answer; this one broke, as when a worker dies. Start the "
                "pool again, or pass `pool` as an integer: such a pool survives."
            )
        warnings.warn(
            f"The pool broke, as when a worker dies; {self.size} processes that flowmc "
            "starts take its place. Pass `pool` as an integer to have these at once.",
            RuntimeWarning,
            stacklevel=2,
        )
        for indices, _ in work.running.values():
            self._try_again(work, indices, Lost("its pool broke"))
        work.running.clear()
        self._channel, self._spare = self._spare(), None


@dataclass
class _Work:
    """Bookkeeping of one map: which items wait, run, are done."""

    items: list[Any]
    todo: deque[list[int]] = field(default_factory=deque)
    suspects: deque[int] = field(default_factory=deque)
    running: dict[int, tuple[list[int], float]] = field(default_factory=dict)
    results: dict[int, Any] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
