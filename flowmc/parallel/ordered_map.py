"""One ordered map for every kind of pool: none, an integer, or somebody else's object.

Foreign pools differ in what `map` returns (a list, an iterator, futures) and in how
they tell their size; here each becomes a callable from a list of items to a list of
results of the same length, in order.
"""

__all__ = ["ForeignMap", "OrderedMap", "SerialMap", "ordered_map", "pool_size"]

import multiprocessing.pool
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Protocol

import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.parallel.process_pool import ProcessPool, pickled
from flowmc.parallel.worker import GuardedFunction


class OrderedMap(Protocol):
    """Maps a fixed function over items; `size` items run at a time."""

    size: int

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""

    def close(self) -> None:
        """Release what was started here."""


class SerialMap:
    """Calls the function in this process; its exceptions pass through."""

    size = 1

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result per item, in order."""
        return [self._function(item) for item in items]

    def close(self) -> None:
        """Do nothing."""


class ForeignMap:
    """Maps through the user's own pool, which stays open."""

    def __init__(self, function: Callable[[Any], Any], *, pool: Any) -> None:
        if _uses_processes(pool):
            pickled(function)
        self._function = GuardedFunction(function)
        self._pool = pool
        self.size = pool_size(pool)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""
        items = list(items)
        if hasattr(self._pool, "gather"):
            # dask caches equal inputs unless told that the function is not pure.
            futures = self._pool.map(self._function, items, pure=False)
            results = list(self._pool.gather(futures))
        else:
            results = list(self._pool.map(self._function, items))
        if len(results) != len(items):
            raise ConfigurationError(
                "`pool.map` must return one result per item, in order; "
                f"{type(self._pool).__name__} returned {len(results)} for "
                f"{len(items)} items. Use another pool."
            )
        return results

    def close(self) -> None:
        """Do nothing: the pool is the user's."""


def ordered_map(
    function: Callable[[Any], Any],
    *,
    pool: Any = None,
    timeout: float | None = None,
) -> OrderedMap:
    """Return a map of `function` over `pool`.

    Args:
        function: Function of one item; picklable where processes are used.
        pool: None or an integer up to 1 (this process), a larger integer (that many
            spawned processes), or any object with an ordered `map(function, items)`:
            `multiprocessing`, `concurrent.futures`, schwimmbad, mpi4py, dask, ray.
        timeout: Seconds allowed to one call; integer pools only.

    Raises:
        ConfigurationError: `pool` is none of these, or cannot enforce `timeout`.
        TargetError: The function cannot be sent to another process.
    """
    is_integer = isinstance(pool, int | np.integer) and not isinstance(pool, bool)
    if timeout is not None and not (is_integer and pool > 1):
        raise ConfigurationError(
            "`timeout` needs worker processes that flowmc may kill; got "
            f"pool={pool!r}. Pass `pool` as an integer of at least 2."
        )
    if pool is None or (is_integer and pool <= 1):
        return SerialMap(function)
    if is_integer:
        return ProcessPool(function, num_workers=int(pool), timeout=timeout)
    if callable(getattr(pool, "map", None)):
        return ForeignMap(function, pool=pool)
    raise ConfigurationError(
        "`pool` must be None, an integer, or an object with a `map` method; got "
        f"{type(pool).__name__}."
    )


def _uses_processes(pool: Any) -> bool:
    is_thread_pool = isinstance(pool, multiprocessing.pool.ThreadPool)
    kinds = (multiprocessing.pool.Pool, ProcessPoolExecutor)
    return isinstance(pool, kinds) and not is_thread_pool


def pool_size(pool: Any) -> int:
    """Return the number of workers, as far as the pool tells; at least 1."""
    if isinstance(pool, int):
        return max(1, pool)
    for name in ("_processes", "_max_workers", "num_workers", "size"):
        value = getattr(pool, name, None)
        if isinstance(value, int) and value >= 1:
            return value
    if callable(getattr(pool, "nthreads", None)):
        return max(1, len(pool.nthreads()))
    return max(1, len(getattr(pool, "_actor_pool", ())))
