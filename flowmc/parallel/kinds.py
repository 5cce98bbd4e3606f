"""Which kind a pool is of, and how many workers it has.

Told by what an object can do and by the name of its class, so that nothing optional is
imported to find out.
"""

__all__ = ["executor_of_processes", "kind_of", "pool_size"]

import multiprocessing.pool
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

# Names of classes whose `map` sends to other processes and tells nothing more.
REMOTE_MAPS = ("JoblibPool", "MPIPool", "MPICommPool")


def kind_of(pool: Any) -> str | None:
    """Return the kind of a pool.

    "serial", "own", "dask", "ray", "multiprocessing", "executor", "remote map" (in
    other processes), "map" (of threads, or unknown); None if it is no pool.
    """
    if pool is None:
        return "serial"
    if isinstance(pool, int | np.integer):
        if isinstance(pool, bool):
            return None
        return "own" if pool > 1 else "serial"
    if not callable(getattr(pool, "map", None)):
        return None
    if all(hasattr(pool, name) for name in ("gather", "nthreads", "submit")):
        return "dask"
    if hasattr(pool, "_actor_pool") and hasattr(pool, "_new_actor_entry"):
        return "ray"
    if isinstance(pool, multiprocessing.pool.ThreadPool | ThreadPoolExecutor):
        return "map"
    if hasattr(pool, "apply_async") and hasattr(pool, "_pool"):
        return "multiprocessing"
    if isinstance(pool, Executor):
        return "executor"
    names = {ancestor.__name__ for ancestor in type(pool).__mro__}
    return "remote map" if names & set(REMOTE_MAPS) else "map"


def executor_of_processes(pool: Any) -> bool:
    """Whether an executor's workers are processes of this machine."""
    return isinstance(pool, ProcessPoolExecutor) or hasattr(pool, "_processes")


def pool_size(pool: Any) -> int:
    """Return the number of workers, as far as the pool tells; at least 1."""
    if isinstance(pool, int | np.integer):
        return max(1, int(pool))
    for name in ("_processes", "_max_workers", "num_workers", "size"):
        value = getattr(pool, name, None)
        if isinstance(value, int) and value >= 1:
            return value
    if callable(getattr(pool, "nthreads", None)):
        return max(1, sum(pool.nthreads().values()))
    return max(1, len(getattr(pool, "_actor_pool", ())))
