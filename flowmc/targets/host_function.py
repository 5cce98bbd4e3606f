"""A user's NumPy function, called on copies, in this process or through a pool."""

__all__ = ["HostFunction"]

from collections.abc import Callable
from typing import Any

import numpy as np

from flowmc.parallel.ordered_map import SerialMap, ordered_map
from flowmc.parallel.worker import Failure
from flowmc.targets.firewall import Firewall
from flowmc.targets.values import as_scalar, as_values


class HostFunction:
    """`theta [n, D] -> [n]` from whatever the user gave.

    Args:
        function: Takes `[n, D]`, or `[D]` where `vectorized` is False.
        firewall: Counts points and handles exceptions.
        vectorized: What `function` takes.
        pool: As for `ordered_map`.
        timeout: Seconds allowed to one call.
        chunk_size: Points of one call of a vectorized function, whatever the pool: a
            function's last digits may depend on how many points it is given, and the
            draws must not depend on the pool.  None: one point where there is a pool,
            else the whole batch.

    Attributes:
        is_serial: Whether everything happens in this process.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], Any],
        *,
        firewall: Firewall,
        vectorized: bool,
        pool: Any = None,
        timeout: float | None = None,
        chunk_size: int | None = None,
    ) -> None:
        self._function = function
        self._firewall = firewall
        self._vectorized = vectorized
        self._map = ordered_map(function, pool=pool, timeout=timeout)
        self.is_serial = isinstance(self._map, SerialMap)
        self._chunk_size = chunk_size
        if not vectorized or (chunk_size is None and not self.is_serial):
            self._chunk_size = 1

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Return the values `[n]`, before the NaN policy.

        Raises:
            LogProbError: The function raised, or its worker died, at some point.
            TargetError: It returned something other than one number per point.
        """
        if not len(theta):
            return np.empty(0)
        if not self.is_serial:
            return self._through_pool(theta)
        parts = [self._firewall.guarded(self._call, p) for p in self._parts(theta)]
        return np.concatenate(parts)

    def _parts(self, theta: np.ndarray) -> list[np.ndarray]:
        """Return the points of each call, `[at most chunk_size, D]`."""
        if self._chunk_size is None:
            return [theta]
        starts = range(0, len(theta), self._chunk_size)
        return [theta[start : start + self._chunk_size] for start in starts]

    def _call(self, theta: np.ndarray) -> np.ndarray:
        self._firewall.num_log_prob += len(theta)
        with self._firewall.timed():
            result = self._function(self._item(theta))
        return self._checked(result, num_points=len(theta))

    def _through_pool(self, theta: np.ndarray) -> np.ndarray:
        parts = self._parts(theta)
        self._firewall.num_log_prob += len(theta)
        with self._firewall.timed():
            results = self._map([self._item(part) for part in parts])
        pairs = zip(parts, results, strict=True)
        return np.concatenate([self._settled(*pair) for pair in pairs])

    def _settled(self, part: np.ndarray, result: Any) -> np.ndarray:
        if not isinstance(result, Failure):
            return self._checked(result, num_points=len(part))
        if len(part) == 1:
            summary = f"{result.kind}: {result.message}"
            error = RuntimeError(f"{summary} (in a worker)\n{result.details}")
            return self._firewall.crashed(part[0], error, summary=summary)
        return self._through_pool_one_by_one(part)

    def _through_pool_one_by_one(self, part: np.ndarray) -> np.ndarray:
        """Find the point that made its slice fail."""
        rows = [row[None] for row in part]
        self._firewall.num_log_prob += len(rows)
        with self._firewall.timed():
            results = self._map([self._item(row) for row in rows])
        values = [self._settled(*pair) for pair in zip(rows, results, strict=True)]
        return np.concatenate(values)

    def _item(self, part: np.ndarray) -> np.ndarray:
        # A copy: functions that write into their argument must not move our chains.
        return np.array(part if self._vectorized else part[0])

    def _checked(self, result: Any, *, num_points: int) -> np.ndarray:
        label = self._firewall.label
        if self._vectorized:
            return as_values(result, num_points=num_points, label=label)
        return np.array([as_scalar(result, label=label)])
