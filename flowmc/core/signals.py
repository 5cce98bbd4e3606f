"""Ctrl-C and SIGTERM as a request to stop at the next checkpoint.

Used by the command line, and inside bilby, whose samplers are asked to do so: a library
that replaced its caller's handlers would be a bad guest.  A second signal stops it.
"""

__all__ = ["stop_on_signals"]

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTICE = b"\nflowmc: stopping at the next checkpoint; once more to stop at once.\n"


@contextmanager
def stop_on_signals(
    *, signals: Sequence[int] = SIGNALS, notice: bool = True
) -> Iterator[Callable[[], bool]]:
    """Yield `should_stop()`, True after the first signal; restore the handlers.

    Args:
        signals: Numbers of the signals.
        notice: Tell on stderr that the signal was heard.

    Raises:
        KeyboardInterrupt: Inside the block, at the second signal.
    """
    stop = threading.Event()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt("Interrupted before the next checkpoint.")
        stop.set()
        if notice:
            os.write(2, NOTICE)  # safe inside a handler, unlike a buffered stream

    if threading.current_thread() is not threading.main_thread():
        yield stop.is_set  # only the main thread may set handlers
        return
    previous = {number: signal.signal(number, handle) for number in signals}
    try:
        yield stop.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
