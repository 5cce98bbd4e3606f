"""`ray.util.multiprocessing.Pool`: its actors, addressed one by one.

The pool's own `map` fails as a whole where an actor dies, and keeps the dead actor.
Here each actor has messages of its own, and a dead one is replaced.
"""

__all__ = ["RayChannel"]

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from flowmc.core.errors import TargetError
from flowmc.parallel.channel import Lost
from flowmc.parallel.keyed import Keyed
from flowmc.parallel.worker import GuardedFunction, call_message

PER_ACTOR = 2  # messages at each actor, so that none waits for the next


class RayChannel:
    """Messages to the pool's actors; the function lies in the object store.

    Args:
        pool: The user's; it stays open.
        function: Whatever ray can send: lambdas and functions of a notebook, too.

    Raises:
        TargetError: Ray cannot send the function.
    """

    message_seconds = 20e-3
    is_broken = False
    is_vague = False

    def __init__(self, pool: Any, *, function: Any) -> None:
        self._ray = import_module("ray")
        self._pool = pool
        try:
            self._keyed = Keyed(self._ray.put(GuardedFunction(function)))
        except Exception as error:
            raise TargetError(
                f"Ray must be able to send the function; {function!r} cannot be "
                f"pickled: {error}. Define it at the top level of a module."
            ) from error
        self._held: dict[Any, tuple[int, int, list[Any]]] = {}  # in order of sending
        self._bystanders: list[tuple[int, Any]] = []

    @property
    def size(self) -> int:
        """Number of actors."""
        return len(self._pool._actor_pool)

    @property
    def window(self) -> int:
        """Messages that may be at the actors."""
        return PER_ACTOR * self.size

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Give each message to the actor that has the fewest."""
        for token, items in messages:
            loads = [0] * self.size
            for _, index, _ in self._held.values():
                loads[index] += 1
            self._submit(token, loads.index(min(loads)), items)

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait for answers."""
        found, self._bystanders = self._bystanders, []
        if found:
            return found
        done, _ = self._ray.wait(list(self._held), num_returns=1, timeout=seconds)
        for reference in done:
            try:
                found += self._take(reference)
            except self._ray.exceptions.RayActorError as error:
                found += self._renew(self._held[reference][1], error)
        return found

    def abandon(self, token: int) -> None:
        """Kill the actor that has the message, and start another."""
        for reference, (other, index, _) in list(self._held.items()):
            if other == token:
                del self._held[reference]
                self._ray.kill(self._pool._actor_pool[index][0])
                self._bystanders += self._renew(index, None)

    def reset(self) -> None:
        """Cancel what has not begun, and forget the rest."""
        for reference in self._held:
            self._ray.cancel(reference)
        self._held.clear()
        self._bystanders.clear()

    def close(self) -> None:
        """Do nothing: the pool is the user's."""

    def _submit(
        self, token: int, index: int, items: list[Any], *, carries: bool = False
    ) -> None:
        message = self._keyed.message(items, carries=carries)
        actor, _ = self._pool._actor_pool[index]
        reference = actor.run_batch.remote(call_message, [((message,), {})])
        self._held[reference] = (token, index, items)

    def _take(self, reference: Any) -> list[tuple[int, Any]]:
        """Return the answer to a message, unless the function must be sent first."""
        try:
            (answer,) = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            raise
        except self._ray.exceptions.RayError as error:
            answer = error
        token, index, items = self._held.pop(reference)
        answer = getattr(answer, "underlying", answer)
        if self._keyed.must_repeat(answer):
            self._submit(token, index, items, carries=True)
            return []
        return [(token, answer)]

    def _renew(self, index: int, error: Exception | None) -> list[tuple[int, Any]]:
        """Replace a dead actor; return what became of its messages.

        An actor takes them in order: the first without an answer was at work.
        """
        self._pool._actor_pool[index] = self._pool._new_actor_entry()
        found: list[tuple[int, Any]] = []
        is_blamed = error is not None
        for reference in [r for r, held in self._held.items() if held[1] == index]:
            try:
                if self._ray.wait([reference], timeout=0.1)[0]:
                    found += self._take(reference)
                    continue
            except self._ray.exceptions.RayActorError:
                pass
            reason = "its actor died" + (f": {_first_line(error)}" if error else "")
            lost = Lost(reason, attempts=int(is_blamed))
            found.append((self._held.pop(reference)[0], lost))
            is_blamed = False
        return found


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
