"""Sending a function once to the workers of a pool that cannot be addressed one by one.

Nobody knows which worker of such a pool takes a message.  So messages name the function
by a key; the first ones carry it too, and a worker that does not know a key says so and
is sent the message again, with the function.
"""

__all__ = ["Keyed"]

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from flowmc.parallel.worker import Message, Unknown


class Keyed:
    """Makes the messages of one function, and sees which must be sent again.

    Args:
        source: What workers load the function from; see `Message`.
    """

    def __init__(self, source: Any) -> None:
        name = hashlib.sha256(source[1] if isinstance(source, tuple) else b"")
        # Another run's function may have the same bytes and another module behind it.
        name.update(os.urandom(16))
        self._key = name.hexdigest()[:24]
        self._source = source
        self._is_known = False

    def message(
        self,
        items: Sequence[Any],
        *,
        slot: tuple[str, int] | None = None,
        carries: bool = False,
    ) -> Message:
        """Return a message; with the function, if no worker is known to have it."""
        source = self._source if carries or not self._is_known else None
        return Message(self._key, items, source, slot)

    def must_repeat(self, answer: Any) -> bool:
        """Whether the worker that answered is to be sent the function first."""
        if isinstance(answer, list):
            self._is_known = True
        return isinstance(answer, Unknown)
