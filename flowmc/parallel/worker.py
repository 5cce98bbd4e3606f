"""What runs inside a worker of any pool: the user's function, guarded.

Workers never import TensorFlow for a NumPy function, so this module imports the
standard library only.  A worker never raises: whatever happens comes back as a value,
because an exception that cannot be sent, or `sys.exit`, would hang or end the parent.

The function is sent to each worker once.  Messages name it by a key; a worker that has
not seen the key (it is new, or was started again) says so and is sent the function.
"""

__all__ = [
    "Failure",
    "GuardedFunction",
    "Message",
    "NotLoaded",
    "Unknown",
    "call_all",
    "call_message",
]

import mmap
import os
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

MOST_FUNCTIONS = 8  # that a worker keeps
PID = struct.Struct("q")

_functions: dict[str, "GuardedFunction"] = {}
_slots: dict[str, mmap.mmap] = {}


@dataclass(frozen=True)
class Failure:
    """What a worker sends instead of a result.

    Attributes:
        kind: Name of the exception's class.
        message: The exception's text.
        details: The worker's traceback, or "".
    """

    kind: str
    message: str
    details: str = ""


@dataclass(frozen=True)
class NotLoaded:
    """What a worker answers that could not load the function."""

    details: str


@dataclass(frozen=True)
class Unknown:
    """What a worker answers that was never sent the function."""


@dataclass(frozen=True)
class Message:
    """Some calls of one function.

    Attributes:
        key: Name of the function.
        items: Its arguments, one a call.
        source: Where the function comes from: None (the worker has it), `(name of a
            module with a pickler, bytes)`, or a reference to ray's object store.
        slot: File and offset where the worker writes its process id, the negative of
            it when it is done, or None.
    """

    key: str
    items: Sequence[Any]
    source: Any = None
    slot: tuple[str, int] | None = None


class GuardedFunction:
    """Calls `function` and turns anything it raises into a `Failure`."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, item: Any) -> Any:
        """Return `function(item)`, or a `Failure`."""
        try:
            return self._function(item)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Failure(type(error).__name__, str(error), traceback.format_exc())


def call_all(items: Sequence[Any], function: GuardedFunction) -> list[Any]:
    """Return the function's values at all `items`."""
    return [function(item) for item in items]


def call_message(message: Message) -> list[Any] | NotLoaded | Unknown:
    """Return one value, or `Failure`, for each item of the message."""
    if message.slot is None:
        return _answer(message)
    _sign(*message.slot, os.getpid())
    try:
        return _answer(message)
    finally:
        _sign(*message.slot, -os.getpid())  # done: what is left is to send the answer


def _answer(message: Message) -> list[Any] | NotLoaded | Unknown:
    function = _functions.get(message.key)
    if function is None:
        if message.source is None:
            return Unknown()
        try:
            function = _load(message.source)
        except BaseException:
            return NotLoaded(traceback.format_exc())
        while len(_functions) >= MOST_FUNCTIONS:
            del _functions[next(iter(_functions))]
        _functions[message.key] = function
    return call_all(message.items, function)


def _load(source: Any) -> GuardedFunction:
    if isinstance(source, tuple):
        name, data = source
        module = import_module(name)
        pickler = getattr(module, "ForkingPickler", module)
        return GuardedFunction(pickler.loads(data))
    return import_module("ray").get(source)


def _sign(path: str, offset: int, mark: int) -> None:
    """Write a mark where the parent looks for who has begun what."""
    if path not in _slots:
        try:
            with open(path, "r+b") as file:
                _slots[path] = mmap.mmap(file.fileno(), 0)
        except (OSError, ValueError):
            return  # another machine: its deaths are for its own pool to notice
    PID.pack_into(_slots[path], offset, mark)
