"""`multiprocessing.Pool` and its relatives (schwimmbad's `MultiPool`), with a watchdog.

Such a pool starts a new process where one has died, and waits for ever for the result
that the dead one owed.  Here each worker signs for the message that it takes, in a file
that parent and workers have mapped; the watchdog looks whether those who signed live.
"""

__all__ = ["MultiprocessingChannel"]

import contextlib
import mmap
import os
import queue
import signal
import tempfile
import time
import weakref
from collections.abc import Sequence
from typing import Any

from flowmc.parallel.channel import Lost
from flowmc.parallel.keyed import Keyed
from flowmc.parallel.worker import PID, call_message

WATCH_SECONDS = 0.5  # between two looks of the watchdog
STUCK_SECONDS = 15.0  # without any call, after a death: a lock of the pool is lost


class MultiprocessingChannel:
    """Messages through `apply_async`.

    Args:
        pool: The user's; it stays open.
        source: The pickled function.
        size: Number of workers.
    """

    message_seconds = 10e-3
    is_vague = False

    def __init__(self, pool: Any, *, source: Any, size: int) -> None:
        self.size = size
        self.window = 2 * size
        self.is_broken = False
        self._pool = pool
        self._keyed = Keyed(source)
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        self._held: dict[int, tuple[int, list[Any]]] = {}  # token -> slot, items
        self._suspects: dict[int, float] = {}  # token -> when its worker was missed
        self._slots = _Slots(self.window)
        self._processes = list(pool._pool)
        self._last_sign_of_life = time.monotonic()

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Submit each message."""
        self._last_sign_of_life = time.monotonic()
        for token, items in messages:
            self._submit(token, items)

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for answers, and look after the workers now and then."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            pause = WATCH_SECONDS
            if until is not None:
                pause = min(pause, max(0.0, until - time.monotonic()))
            with contextlib.suppress(queue.Empty):
                found = self._answer(*self._answers.get(timeout=pause))
                if found:
                    return found
                continue
            found = self._lost()
            if found or self.is_broken:
                return found
            if until is not None and time.monotonic() >= until:
                return []

    def abandon(self, token: int) -> None:
        """Kill the worker that signed for the message; the pool starts another."""
        held = self._held.pop(token, None)
        pid = 0 if held is None else self._slots.signed(held[0])
        if pid <= 0:
            return  # nobody took it, or it is done
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def reset(self) -> None:
        """Forget what is under way; the pool cannot be stopped from here."""
        self._held.clear()
        self._suspects.clear()
        self._slots = _Slots(self.window)

    def close(self) -> None:
        """Do nothing: the pool is the user's."""

    def _submit(self, token: int, items: list[Any], *, carries: bool = False) -> None:
        slot = self._held[token][0] if token in self._held else self._free_slot()
        self._held[token] = (slot, items)
        self._slots.clear(slot)
        message = self._keyed.message(
            items, slot=(self._slots.path, slot * PID.size), carries=carries
        )
        put = self._answers.put
        self._pool.apply_async(
            call_message,
            (message,),
            callback=lambda answer: put((token, answer)),
            error_callback=lambda error: put((token, error)),
        )

    def _free_slot(self) -> int:
        taken = {slot for slot, _ in self._held.values()}
        return next(slot for slot in range(self.window + 1) if slot not in taken)

    def _answer(self, token: int, answer: Any) -> list[tuple[int, Any]]:
        self._last_sign_of_life = time.monotonic()
        if token not in self._held:
            return []
        if self._keyed.must_repeat(answer):
            self._submit(token, self._held[token][1], carries=True)
            return []
        del self._held[token]
        self._suspects.pop(token, None)
        return [(token, answer)]

    def _lost(self) -> list[tuple[int, Any]]:
        """Return the messages whose workers are gone."""
        self._processes += [p for p in self._pool._pool if p not in self._processes]
        alive = {p.pid for p in self._processes if p.exitcode is None}
        now, found, is_working = time.monotonic(), [], False
        for token, (slot, _) in list(self._held.items()):
            pid = self._slots.signed(slot)
            is_working |= pid in alive
            if not pid or abs(pid) in alive:
                continue
            # Its answer may still be in the pipe: missed twice, it is lost.
            if now - self._suspects.setdefault(token, now) >= WATCH_SECONDS:
                del self._held[token], self._suspects[token]
                found.append((token, Lost("its worker process died")))
        is_thinned = any(p.exitcode is not None for p in self._processes)
        if is_working or found:
            self._last_sign_of_life = now
        if is_thinned and now - self._last_sign_of_life > STUCK_SECONDS:
            self._give_up()
        return found

    def _give_up(self) -> None:
        """Open the lock that died with its holder: else `terminate` would hang, too."""
        self.is_broken = True
        for queue_name, lock in (("_inqueue", "_rlock"), ("_outqueue", "_wlock")):
            with contextlib.suppress(AttributeError, ValueError):
                getattr(getattr(self._pool, queue_name), lock).release()


class _Slots:
    """A mapped file with one process id for each message under way."""

    def __init__(self, count: int) -> None:
        size = (count + 1) * PID.size
        handle, self.path = tempfile.mkstemp(prefix="flowmc-")
        weakref.finalize(self, _unlink, self.path)
        with os.fdopen(handle, "r+b") as file:
            file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)

    def clear(self, slot: int) -> None:
        PID.pack_into(self._map, slot * PID.size, 0)

    def signed(self, slot: int) -> int:
        """Return who took the message in `slot`, negative when done; 0 for nobody."""
        return PID.unpack_from(self._map, slot * PID.size)[0]


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
