"""A pool of processes that flowmc starts itself, for `pool=<integer>`.

Each worker has a pipe of its own, so it is known at every moment who works on what: a
worker that dies or hangs costs its own message, and the others do not notice.  Workers
are fresh interpreters, never forks: TensorFlow's threads do not survive a fork.
"""

__all__ = ["ProcessChannel"]

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from flowmc.core.errors import TargetError
from flowmc.parallel.channel import Lost, refuse_not_loaded
from flowmc.parallel.process_worker import BOOT, WORKER_ENVIRONMENT, preparation
from flowmc.parallel.worker import NotLoaded

MESSAGE_SECONDS = 5e-3
START_SECONDS = 600.0  # allowed to the first worker, on a slow file system
EXIT_SECONDS = 1.0
WATCH_SECONDS = 2.0  # between two looks at who has died in silence
MOST_BAD_STARTS = 3


class ProcessChannel:
    """Worker processes, each with the function loaded once.

    Args:
        data: The function, pickled.
        num_workers: Number of processes; the first starts now, others when needed.

    Raises:
        TargetError: A new process cannot load the function.
    """

    message_seconds = MESSAGE_SECONDS
    is_broken = False
    is_vague = False

    def __init__(self, data: bytes, *, num_workers: int) -> None:
        self._data = data
        self._size = self.window = num_workers
        self._workers: list[_Worker] = []
        self._num_bad_starts = 0
        # Runs when this object is gone, or the interpreter ends.
        weakref.finalize(self, _kill_own, self._workers, os.getpid())
        self._check_start()

    @property
    def size(self) -> int:
        """Number of processes."""
        return self._size

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Give each message to a worker of its own."""
        for token, items in messages:
            idle = next((w for w in self._workers if w.token is None), None)
            worker = idle or self._start()
            worker.token = token
            data = ForkingPickler.dumps(items)
            # One that died while it had nothing to do is seen by `collect`.
            with contextlib.suppress(OSError):
                worker.connection.send_bytes(data)

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for answers, a while at a time; a closed pipe is a dead worker."""
        by_connection = {w.connection: w for w in self._workers if w.token is not None}
        pause = WATCH_SECONDS if seconds is None else min(seconds, WATCH_SECONDS)
        found = []
        for connection in wait(list(by_connection), pause):
            worker = by_connection[connection]  # type: ignore[index]
            found += self._read(worker)
        if found:
            return found
        # A process that a worker has started may hold its pipe open after it died.
        for worker in by_connection.values():
            is_silent = worker in self._workers and not worker.connection.poll()
            if is_silent and worker.process.poll() is not None:
                found += self._died(worker)
        return found

    def abandon(self, token: int) -> None:
        """Kill the worker that holds the message."""
        self._remove([w for w in self._workers if w.token == token])

    def reset(self) -> None:
        """Kill the workers that are busy."""
        self._remove([w for w in self._workers if w.token is not None])

    def close(self) -> None:
        """Kill the workers; the next message starts new ones."""
        self._remove(list(self._workers))

    def _start(self) -> "_Worker":
        if getattr(multiprocessing.process.current_process(), "_inheriting", False):
            raise TargetError(
                "A pool must not be started while a worker imports the script; put "
                'what the script does under `if __name__ == "__main__":`.'
            )
        worker = _Worker(self._data)
        self._workers.append(worker)
        return worker

    def _check_start(self) -> None:
        worker, until = self._start(), time.monotonic() + START_SECONDS
        while not worker.connection.poll(WATCH_SECONDS):
            is_dead = worker.process.poll() is not None
            if is_dead or time.monotonic() > until:
                self.close()
                late = f"no answer within {START_SECONDS:g} seconds"
                refuse_not_loaded("" if is_dead else late)
        self._read(worker)
        if not worker.is_ready:
            self.close()
            refuse_not_loaded("")

    def _read(self, worker: "_Worker") -> list[tuple[int, Any]]:
        """Return what a worker has to say, as `(token, results)`."""
        token = worker.token
        try:
            data = worker.connection.recv_bytes()
        except (EOFError, OSError):
            return self._died(worker)
        if not worker.is_ready:
            answer = ForkingPickler.loads(data)
            if isinstance(answer, NotLoaded):
                self.close()
                refuse_not_loaded(answer.details)
            worker.is_ready, self._num_bad_starts = True, 0
            return []
        worker.token = None
        try:
            return [(token, ForkingPickler.loads(data))]  # type: ignore[list-item]
        except Exception as error:  # of a class that this process cannot import
            return [(token, error)]  # type: ignore[list-item]

    def _died(self, worker: "_Worker") -> list[tuple[int, Any]]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(EXIT_SECONDS)  # so that its exit status is its own
        self._remove([worker])
        if not worker.is_ready:
            self._num_bad_starts += 1
            if self._num_bad_starts >= MOST_BAD_STARTS:
                self.close()
                refuse_not_loaded("")
        if worker.token is None:
            return []
        code = worker.process.returncode
        how = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
        # One that never began is not to be blamed on its message.
        lost = Lost(f"its worker process ended: {how}", attempts=int(worker.is_ready))
        return [(worker.token, lost)]

    def _remove(self, workers: "list[_Worker]") -> None:
        self._workers[:] = [w for w in self._workers if w not in workers]
        _kill(workers)


class _Worker:
    """A process, the pipe to it, and the message it works on."""

    def __init__(self, data: bytes) -> None:
        self.token: int | None = None
        self.is_ready = False
        self.connection: Connection
        self.connection, theirs = multiprocessing.Pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", BOOT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **WORKER_ENVIRONMENT},
                stdin=subprocess.DEVNULL,
            )
        finally:
            theirs.close()
        with contextlib.suppress(OSError):  # it died at once: whoever reads will see
            self.connection.send(sys.path)
            self.connection.send(preparation(data))
            self.connection.send_bytes(data)


def _kill(workers: "list[_Worker]") -> None:
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.wait()
        worker.connection.close()


def _kill_own(workers: "list[_Worker]", owner: int) -> None:
    """Kill the workers, unless this process is a fork of the one they belong to."""
    if os.getpid() == owner:
        _kill(workers)
