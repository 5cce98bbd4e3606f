"""First import of TensorFlow without its start-up lines on the terminal.

Those lines are written by C++ straight to file descriptor 2, some of them before any
log level applies, so the descriptor itself is pointed elsewhere while TensorFlow loads
and opens its devices.  Python's own messages still pass, and if the import fails,
what was held back is shown.
"""

__all__ = ["import_tensorflow", "is_wanted_quiet", "native_stderr_held"]

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # read by TensorFlow's native code


def import_tensorflow(*, quiet: bool = True, opens_devices: bool = True) -> None:
    """Import TensorFlow and its probability library.

    Args:
        quiet: False leaves every native line visible.
        opens_devices: Whether they are opened as well; nothing about them can be
            configured any more after it.
    """
    if "tensorflow" in sys.modules:
        return
    if not quiet:
        _load(opens_devices)
        return
    os.environ.setdefault(LEVEL, "3")
    with native_stderr_held():
        _load(opens_devices)


def is_wanted_quiet() -> bool:
    """Return whether the user has not asked TensorFlow for all of its lines."""
    return os.environ.get(LEVEL, "3") != "0"


@contextmanager
def native_stderr_held() -> Iterator[None]:
    """Hold back what native code writes to descriptor 2; show it on an exception."""
    if sys.stderr is None:  # started with descriptor 2 closed: nothing to hold
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    python_stderr = sys.stderr
    with tempfile.TemporaryFile() as held, open(terminal, "w", buffering=1) as passing:
        os.dup2(held.fileno(), 2)
        # Log handlers made meanwhile keep the stream they find, so it must stay usable.
        stand_in = _StandIn(passing)
        sys.stderr = stand_in
        try:
            yield
        except BaseException:
            held.seek(0)
            passing.write(held.read().decode(errors="replace"))
            raise
        finally:
            passing.flush()
            os.dup2(passing.fileno(), 2)
            stand_in.stream = sys.stderr = python_stderr


class _StandIn:
    """A stream that hands everything to another one."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _load(opens_devices: bool) -> None:
    import tensorflow as tf
    import tensorflow_probability as tfp

    if opens_devices:
        tf.zeros(())
    tfp.distributions.Normal  # noqa: B018  (loads the lazy library)
