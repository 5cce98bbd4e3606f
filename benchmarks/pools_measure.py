"""Measure one kind of pool; a process of its own, under `mpiexec` for the MPI kinds.

python pools_measure.py KIND OUT.json [--quick]
"""

__all__ = ["main"]

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pools_work import MPI_KINDS, WORK, WORKERS, open_pool

from flowmc.parallel.ordered_map import ordered_map

# One step of 64 chains; the jumps of a sweep would be twelve times as many.
BATCHES = (64, 256)
CHEAP = 512


def main() -> None:
    """Write the figures of one kind as JSON."""
    kind, out = sys.argv[1], Path(sys.argv[2])
    repeats = 2 if "--quick" in sys.argv else 5
    with _opened(kind) as pool:
        if pool is None:
            return  # a worker of MPI
        rows = [_batches(pool, work, repeats) for work in ("sleep", "spin")]
        rows.append(_overhead(pool, 4 * repeats))
        out.write_text(json.dumps(rows))


@contextmanager
def _opened(kind: str) -> Iterator[Any]:
    if kind not in MPI_KINDS:
        with open_pool(kind) as pool:
            yield pool
        return
    if kind == "mpi4py.futures":
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as pool:
            yield pool
        return
    from schwimmbad import MPIPool

    with MPIPool() as pool:  # its workers wait here, and end the process
        yield pool


def _batches(pool: Any, work: str, repeats: int) -> dict[str, Any]:
    """Return the wall times of batches, for each size."""
    function = WORK[work]
    points = np.random.default_rng(0).normal(size=(max(BATCHES), 4))
    row: dict[str, Any] = {"work": work, "wall": {}, "bare": {}}
    bare = Bare(function)
    mapped = ordered_map(function, pool=pool)
    for _ in range(2):  # workers start, and the size of messages is found
        mapped(points[:16])
    for size in BATCHES:
        walls: tuple[list[float], list[float]] = ([], [])
        for _ in range(repeats if size == BATCHES[0] else max(1, repeats // 2)):
            for run, wall in zip((bare, mapped), walls, strict=True):
                started = time.perf_counter()
                run(points[:size])
                wall.append(time.perf_counter() - started)
        row["bare"][str(size)], row["wall"][str(size)] = walls
    bare.close()
    mapped.close()
    return row


class Bare:
    """Two processes that call in a plain loop: what the machine can give just now."""

    def __init__(self, function: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ends = []
        for _ in range(WORKERS):
            ours, theirs = context.Pipe()
            context.Process(target=_loop, args=(function, theirs), daemon=True).start()
            self._ends.append(ours)
        self(np.zeros((2, 4)))  # both have started

    def __call__(self, points: np.ndarray) -> None:
        """Share the points out and wait for both."""
        for end, part in zip(self._ends, np.array_split(points, WORKERS), strict=True):
            end.send(part)
        for end in self._ends:
            end.recv()

    def close(self) -> None:
        for end in self._ends:
            end.send(None)


def _loop(function: Any, end: Any) -> None:
    while (points := end.recv()) is not None:
        end.send([function(point) for point in points])


def _overhead(pool: Any, repeats: int) -> dict[str, Any]:
    """Return seconds of a round trip, of a message, and of a call among many."""
    mapped = ordered_map(WORK["nothing"], pool=pool)
    points = np.random.default_rng(0).normal(size=(CHEAP, 4))
    for _ in range(3):
        mapped(points)
    row = {"work": "nothing", "call": _median(mapped, points, repeats) / CHEAP}
    channel = getattr(mapped, "_channel", None)
    if channel is not None:
        channel.message_seconds = 0.0  # every call a message
        mapped(points)
        row["message"] = _median(mapped, points, repeats) / CHEAP
    else:
        row["message"] = _median(mapped, points[:8], repeats) / 8
    row["round trip"] = _median(mapped, points[:1], 5 * repeats)
    mapped.close()
    return row


def _median(mapped: Any, points: np.ndarray, repeats: int) -> float:
    walls = []
    for _ in range(repeats):
        started = time.perf_counter()
        mapped(points)
        walls.append(time.perf_counter() - started)
    return float(np.median(walls))


if __name__ == "__main__":
    main()
