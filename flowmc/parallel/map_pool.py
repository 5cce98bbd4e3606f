"""Any pool as emcee and its like want it: an object whose `map` gives a list.

emcee calls `pool.map(log_prob, points)`, believes that a list of numbers comes back,
and sends the function along with every point.  A Dask client gives futures instead, and
`multiprocessing.Pool` waits for ever for a worker that has died.
"""

__all__ = ["MapPool"]

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from flowmc.core.errors import LogProbError
from flowmc.parallel.kinds import kind_of, pool_size
from flowmc.parallel.ordered_map import OrderedMap, ordered_map
from flowmc.parallel.worker import Failure


class MapPool:
    """A pool for `emcee.EnsembleSampler(pool=...)` out of whatever `Target` takes.

    The function is sent to each worker once, dead workers are noticed and replaced, and
    an error in a worker is a `LogProbError` that holds the parameters.

    Args:
        pool: None, a number of processes, or a pool; see `flowmc.Target`.
        timeout: Seconds allowed to one call, or None.

    Attributes:
        size: Number of workers.

    Raises:
        ConfigurationError: `pool` is no pool, or cannot enforce `timeout`; when first
            used.

    Example:
        >>> with MapPool(4) as pool:
        ...     sampler = emcee.EnsembleSampler(32, 2, log_prob, pool=pool)
        ...     sampler.run_mcmc(start, 1000)
    """

    def __init__(self, pool: Any = None, *, timeout: float | None = None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._function: Callable[[Any], Any] | None = None
        self._map: OrderedMap | None = None

    @property
    def size(self) -> int:
        """Number of workers."""
        return 1 if kind_of(self._pool) == "serial" else pool_size(self._pool)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Return the function's values at `items`, in order.

        Raises:
            LogProbError: The function raised at an item, or ended its worker twice.
            TargetError: The function cannot be sent to another process.
        """
        if self._map is None or function is not self._function:
            self.close()
            self._map = ordered_map(function, pool=self._pool, timeout=self._timeout)
            self._function = function
        items = list(items)
        results = self._map(items)
        for item, result in zip(items, results, strict=True):
            if isinstance(result, Failure):
                raise _error(item, result)
        return results

    def close(self) -> None:
        """End the processes that were started here; a user's pool stays open."""
        mapped, self._map, self._function = self._map, None, None
        if mapped is not None:
            mapped.close()

    def __enter__(self) -> "MapPool":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getstate__(self) -> None:
        raise TypeError(
            "A pool of processes cannot be copied or pickled; make another instead."
        )


def _error(item: Any, failure: Failure) -> LogProbError:
    text = f"{failure.kind}: {failure.message}"
    error = LogProbError(
        f"The function must return at every point; {text}, at "
        f"{np.asarray(item).tolist()}. Correct it, return -inf there, or give its "
        "workers more memory or time.",
        theta=np.asarray(item),
    )
    if failure.details:
        error.__cause__ = RuntimeError(f"{text} (in a worker)\n{failure.details}")
    return error
