"""A pool of spawned processes that survives the death of a worker.

Used for `pool=<integer>`.  The processes are spawned, never forked (TensorFlow's
threads do not survive a fork).  A dead or hanging worker costs its own point only:
the pool is restarted, the points in flight are tried again one at a time, and a point
that kills its worker twice comes back as a `Failure`.
"""

__all__ = ["ProcessPool"]

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from typing import Any

from flowmc.core.errors import TargetError
from flowmc.parallel.worker import Failure, call_loaded, load_function

MAX_ATTEMPTS = 2  # of a point whose worker died


class ProcessPool:
    """Ordered map of one function over `num_workers` spawned processes.

    Args:
        function: Picklable function of one item.
        num_workers: Number of processes.
        timeout: Seconds allowed to one call, or None.

    Raises:
        TargetError: The function cannot be sent to, or loaded by, another process.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        num_workers: int,
        timeout: float | None = None,
    ) -> None:
        self.size = num_workers
        self._timeout = timeout
        self._data = pickled(function)
        self._executor: ProcessPoolExecutor | None = None
        self._check_start(function)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""
        work = _Work(items=items, todo=deque(range(len(items))))
        try:
            while work.todo or work.suspects or work.running:
                self._submit(work)
                self._collect(work)
        except BaseException:
            self.close()
            raise
        return [work.results[index] for index in range(len(items))]

    def close(self) -> None:
        """Kill the workers; the next call starts new ones."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        # `shutdown` waits for running calls, and a hanging one never returns.
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            process.kill()
        executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.size,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=load_function,
                initargs=(self._data,),
            )
        return self._executor

    def _check_start(self, function: Callable[[Any], Any]) -> None:
        try:
            self._start().submit(time.monotonic).result()
        except BrokenProcessPool as error:
            self.close()
            raise TargetError(
                f"`pool={self.size}` needs a function that new processes can import; "
                f"{function!r} could not be loaded there. Define it in a module, not "
                'in a notebook, and guard scripts by `if __name__ == "__main__":`.'
            ) from error

    def _submit(self, work: "_Work") -> None:
        """Fill the workers; suspects run alone, so that the culprit shows itself."""
        window = self.size if self._timeout else 4 * self.size
        source, limit = (work.suspects, 1) if work.suspects else (work.todo, window)
        if work.is_alone and work.running:
            return
        work.is_alone = source is work.suspects
        while source and len(work.running) < limit:
            index = source.popleft()
            try:
                future = self._start().submit(call_loaded, work.items[index])
            except BrokenProcessPool:
                source.appendleft(index)
                return
            work.running[future] = (index, time.monotonic())

    def _collect(self, work: "_Work") -> None:
        if not work.running:  # the pool broke before it took anything
            self.close()
            return
        done, _ = wait(work.running, self._remaining(work), FIRST_COMPLETED)
        if not done:
            self._drop_late(work)
            return
        for future in done:
            if isinstance(future.exception(), BrokenProcessPool):
                self._restart(work)
                return
            index, _ = work.running.pop(future)
            error = future.exception()
            work.results[index] = (
                future.result()
                if error is None
                else Failure(type(error).__name__, str(error))
            )

    def _remaining(self, work: "_Work") -> float | None:
        if self._timeout is None:
            return None
        oldest = min(start for _, start in work.running.values())
        return max(0.0, oldest + self._timeout - time.monotonic())

    def _drop_late(self, work: "_Work") -> None:
        now, is_late = time.monotonic(), False
        for future, (index, start) in list(work.running.items()):
            if now - start >= (self._timeout or 0.0):
                del work.running[future]
                text = f"no answer within {self._timeout} seconds"
                work.results[index] = Failure("TimeoutError", text)
                is_late = True
        if not is_late:
            return
        work.todo.extendleft(index for index, _ in work.running.values())
        work.running.clear()
        self.close()

    def _restart(self, work: "_Work") -> None:
        self.close()
        for future, (index, _) in work.running.items():
            if future.done() and future.exception() is None:
                work.results[index] = future.result()
                continue
            work.attempts[index] = work.attempts.get(index, 0) + 1
            if work.attempts[index] < MAX_ATTEMPTS:
                work.suspects.append(index)
            else:
                text = f"the worker process died {MAX_ATTEMPTS} times at this point"
                work.results[index] = Failure("WorkerDied", text)
        work.running.clear()


@dataclass
class _Work:
    """Bookkeeping of one map: which items wait, run, are suspect, are done."""

    items: Sequence[Any]
    todo: deque[int]
    suspects: deque[int] = field(default_factory=deque)
    running: dict[Future, tuple[int, float]] = field(default_factory=dict)
    results: dict[int, Any] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    is_alone: bool = False


def pickled(function: Callable[[Any], Any]) -> bytes:
    """Return `function` as bytes for another process, or raise saying what to do."""
    try:
        return bytes(ForkingPickler.dumps(function))
    except Exception as error:
        raise TargetError(
            "A process pool needs functions that can be pickled; "
            f"{function!r} cannot: {error}. Define it at the top level of a module "
            "(no lambda, no closure), or use a thread pool or `pool=None`."
        ) from error
