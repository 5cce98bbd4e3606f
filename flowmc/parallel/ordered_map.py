"""One ordered map for every kind of pool: none, an integer, or somebody else's object.

Pools differ in what `map` returns (a list, an iterator, futures), in how they tell
their size, and in what happens when a worker dies; here each becomes a callable from a
list of items to a list of results of the same length, in order.
"""

__all__ = ["OrderedMap", "SerialMap", "ordered_map"]

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from flowmc.core.errors import ConfigurationError
from flowmc.parallel.bulk_map import BulkMap
from flowmc.parallel.channel import pickled
from flowmc.parallel.dask_pool import DaskChannel
from flowmc.parallel.dispatch import Dispatcher
from flowmc.parallel.executor_pool import ExecutorChannel
from flowmc.parallel.kinds import executor_of_processes, kind_of, pool_size
from flowmc.parallel.multiprocessing_pool import MultiprocessingChannel
from flowmc.parallel.process_pool import ProcessChannel
from flowmc.parallel.ray_pool import RayChannel

CAN_END_CALLS = ("own", "multiprocessing", "dask", "ray")
Function = Callable[[Any], Any]


class OrderedMap(Protocol):
    """Maps a fixed function over items; `size` items run at a time."""

    @property
    def size(self) -> int:
        """Return the number of workers now."""

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""

    def close(self) -> None:
        """Release what was started here."""


class SerialMap:
    """Calls the function in this process; its exceptions pass through."""

    size = 1

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result per item, in order."""
        return [self._function(item) for item in items]

    def close(self) -> None:
        """Do nothing."""


def ordered_map(
    function: Function, *, pool: Any = None, timeout: float | None = None
) -> OrderedMap:
    """Return a map of `function` over `pool`.

    Args:
        function: Function of one item; picklable where processes are used.
        pool: None or an integer up to 1 (this process), a larger integer (that many
            processes, started here), or any object with an ordered `map(function,
            items)`: `multiprocessing`, `concurrent.futures`, schwimmbad, mpi4py,
            `dask.distributed.Client`, `ray.util.multiprocessing.Pool`.
        timeout: Seconds allowed to one call; the pool's workers must be such as can be
            killed from here.

    Raises:
        ConfigurationError: `pool` is none of these, or cannot enforce `timeout`.
        TargetError: The function cannot be sent to another process.
    """
    kind = kind_of(pool)
    if kind is None:
        raise ConfigurationError(
            "`pool` must be None, an integer, or an object with a `map` method; got "
            f"{type(pool).__name__}."
        )
    can_end = kind in CAN_END_CALLS or (
        kind == "executor" and executor_of_processes(pool)
    )
    if timeout is not None and not can_end:
        raise ConfigurationError(
            "`timeout` needs worker processes that flowmc may kill; got "
            f"pool={pool!r}. Pass `pool` as an integer of at least 2."
        )
    return _made(kind, function, pool, timeout)


def _made(
    kind: str, function: Function, pool: Any, timeout: float | None
) -> OrderedMap:
    if kind == "serial":
        return SerialMap(function)
    if kind == "own":
        _, data = pickled(function)
        channel = ProcessChannel(data, num_workers=int(pool))
        return Dispatcher(channel, timeout=timeout)
    if kind == "dask":
        return Dispatcher(DaskChannel(pool, function=function), timeout=timeout)
    if kind == "ray":
        return Dispatcher(RayChannel(pool, function=function), timeout=timeout)
    size = pool_size(pool)
    if kind == "map":
        return BulkMap(pool, size=size, function=function)
    # schwimmbad's processes come from `multiprocess`, whose pickler can do more.
    is_dill = any(base.__module__ == "multiprocess.pool" for base in type(pool).__mro__)
    source = pickled(function, module="multiprocess" if is_dill else "multiprocessing")
    if kind == "remote map":
        return BulkMap(pool, size=size, function=function, source=source)

    def spare() -> ProcessChannel:
        return ProcessChannel(pickled(function)[1], num_workers=size)

    if kind == "multiprocessing":
        watched = MultiprocessingChannel(pool, source=source, size=size)
        return Dispatcher(watched, timeout=timeout, spare=spare)
    return Dispatcher(
        ExecutorChannel(pool, source=source, size=size),
        timeout=timeout,
        spare=spare if executor_of_processes(pool) else None,
    )
