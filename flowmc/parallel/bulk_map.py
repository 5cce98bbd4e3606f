"""Pools that have a `map` and nothing else that could be relied on.

Threads, schwimmbad's serial, joblib and MPI pools, and whatever a user has written.  A
dead worker cannot be noticed from here: MPI ends the whole job, by design of MPI.
"""

__all__ = ["BulkMap"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.parallel.channel import refuse_not_loaded
from flowmc.parallel.keyed import Keyed
from flowmc.parallel.worker import GuardedFunction, NotLoaded, call_message

MESSAGES_PER_WORKER = 4


class BulkMap:
    """Ordered map through the pool's own `map`.

    Args:
        pool: The user's; it stays open.
        size: Number of workers.
        function: Sent as the pool sends it, with every item.
        source: The same function, pickled, where workers are processes: then it is sent
            once, and items travel in groups.
    """

    def __init__(
        self,
        pool: Any,
        *,
        size: int,
        function: Callable[[Any], Any],
        source: Any = None,
    ) -> None:
        self.size = size
        self._pool = pool
        self._function = _Numbered(GuardedFunction(function))
        self._keyed = None if source is None else Keyed(source)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        """Return one result, or `Failure`, per item, in order."""
        items = list(items)
        if self._keyed is None:
            pairs = self._mapped(self._function, list(enumerate(items)))
            if [number for number, _ in pairs] != list(range(len(items))):
                self._refuse("answered in another order")
            return [result for _, result in pairs]
        return self._in_groups(items, self._keyed)

    def close(self) -> None:
        """Do nothing: the pool is the user's."""

    def _in_groups(self, items: list[Any], keyed: Keyed) -> list[Any]:
        if not items:
            return []
        count = min(len(items), MESSAGES_PER_WORKER * self.size)
        parts = np.array_split(np.arange(len(items)), count)
        groups = [[items[index] for index in part] for part in parts]
        messages = [keyed.message(group) for group in groups]
        answers = self._mapped(call_message, messages)
        missed = [i for i, answer in enumerate(answers) if keyed.must_repeat(answer)]
        again = [keyed.message(groups[index], carries=True) for index in missed]
        for index, answer in zip(
            missed, self._mapped(call_message, again), strict=True
        ):
            answers[index] = answer
        for group, answer in zip(groups, answers, strict=True):
            if isinstance(answer, NotLoaded):
                refuse_not_loaded(answer.details)
            if not isinstance(answer, list) or len(answer) != len(group):
                self._refuse(f"returned {answer!r:.80} for {len(group)} items")
        return [result for answer in answers for result in answer]

    def _mapped(self, function: Callable[[Any], Any], messages: list[Any]) -> list[Any]:
        if not messages:
            return []
        results = list(self._pool.map(function, messages))
        if len(results) != len(messages):
            self._refuse(f"returned {len(results)} for {len(messages)} items")
        return results

    def _refuse(self, what: str) -> None:
        raise ConfigurationError(
            "`pool.map` must return one result per item, in order; "
            f"{type(self._pool).__name__} {what}. Use another pool."
        )


class _Numbered:
    """Gives each result the number of its item, so that the order can be checked."""

    def __init__(self, function: GuardedFunction) -> None:
        self._function = function

    def __call__(self, pair: tuple[int, Any]) -> tuple[int, Any]:
        number, item = pair
        return number, self._function(item)
