"""First import of TensorFlow without its start-up lines on the terminal.

Those lines are written by C++ straight to file descriptor 2, some of them before any
log level applies, so the descriptor itself is pointed elsewhere while TensorFlow loads
and opens its devices.  Python's own messages still pass, and if the import fails,
what was held back is shown.
"""

__all__ = ["import_tensorflow", "native_stderr_held"]

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


def import_tensorflow(*, quiet: bool = True) -> None:
    """Import TensorFlow and its probability library, and open the devices.

    Args:
        quiet: False leaves every native line visible.
    """
    if "tensorflow" in sys.modules:
        return
    if not quiet:
        _load()
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_stderr_held():
        _load()


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


def _load() -> None:
    import tensorflow as tf
    import tensorflow_probability as tfp

    tf.zeros(())  # opens the devices
    tfp.distributions.Normal  # noqa: B018  (loads the lazy library)
