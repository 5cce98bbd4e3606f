"""What a kind of pool must do for the dispatcher, and what may come back from it."""

__all__ = ["Channel", "Lost", "MAX_ATTEMPTS", "pickled", "refuse_not_loaded"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, Protocol

from flowmc.core.errors import TargetError

MAX_ATTEMPTS = 2  # of an item whose worker died


@dataclass(frozen=True)
class Lost:
    """What comes back for a message whose worker died.

    Attributes:
        reason: What is known of it, one clause.
        attempts: How many deaths are counted against it: 0 where it was only in bad
            company, 2 where the pool itself has tried again already.
    """

    reason: str
    attempts: int = 1


class Channel(Protocol):
    """Carries messages, each a list of items, to workers and lists of results back.

    Attributes:
        size: Messages that can be worked on at a time.
        window: Messages that may be under way, or None for any number.
        message_seconds: Work that a message should hold, so that sending it is cheap.
        is_broken: Whether it will never answer again.
        is_vague: Whether messages may be called lost that did nothing but wait behind
            the culprit; those are tried again one at a time.
    """

    message_seconds: float
    is_broken: bool
    is_vague: bool

    @property
    def window(self) -> int | None:
        """Return how many messages may be under way."""

    @property
    def size(self) -> int:
        """Return the number of workers now."""

    def submit(self, messages: Sequence[tuple[int, list[Any]]]) -> None:
        """Send lists of items, each under a token of its own."""

    def collect(self, seconds: float | None) -> list[tuple[int, Any]]:
        """Wait, at most `seconds`, for answers: `(token, results)`.

        In the place of results may be `Lost`, or an exception.
        """

    def abandon(self, token: int) -> None:
        """Stop the work on a message that has taken too long."""

    def reset(self) -> None:
        """Forget what is under way."""

    def close(self) -> None:
        """Release what was started here."""


def pickled(
    function: Callable[[Any], Any], *, module: str = "multiprocessing"
) -> tuple[str, bytes]:
    """Return `function` for another process: the pickler's module, and bytes.

    Args:
        function: To be sent.
        module: "multiprocessing", or the package that stands in for it.

    Raises:
        TargetError: It cannot be pickled; the message says what to do.
    """
    reduction = f"{module}.reduction"
    try:
        data = import_module(reduction).ForkingPickler.dumps(function)
    except Exception as error:
        raise TargetError(
            "A process pool needs functions that can be pickled; "
            f"{function!r} cannot: {error}. Define it at the top level of a module "
            "(no lambda, no closure), or use a thread pool or `pool=None`."
        ) from error
    return reduction, bytes(data)


def refuse_not_loaded(details: str) -> NoReturn:
    """Raise for a function that workers could not load.

    Raises:
        TargetError: Always.
    """
    last = details.strip().rpartition("\n")[2] or "they died"
    raise TargetError(
        "A pool needs a function that new processes can import; the workers could not "
        f"load it: {last}. Define it in a module, not in a notebook, and guard scripts "
        'by `if __name__ == "__main__":`; or use `pool=None`.'
        + (f"\n{details}" if details else "")
    )
