"""What runs inside a worker process: the user's function, guarded.

Workers never import TensorFlow for a NumPy function, so this module imports the
standard library only.  A worker never raises: whatever happens comes back as a value,
because an exception that cannot be sent, or `sys.exit`, would hang or end the parent.
"""

__all__ = ["Failure", "GuardedFunction", "call_loaded", "load_function"]

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

# One process a core is the point of a pool; hidden threads in each only compete.
WORKER_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

_loaded: list["GuardedFunction"] = []


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


def load_function(data: bytes) -> None:
    """Prepare this worker: environment, signals, then the function itself.

    The function travels as bytes so that its module is imported after the environment
    is set.  Ctrl-C is the parent's business.
    """
    os.environ.update(WORKER_ENVIRONMENT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _loaded[:] = [GuardedFunction(ForkingPickler.loads(data))]


def call_loaded(item: Any) -> Any:
    """Return the loaded function's value at `item`, or a `Failure`."""
    return _loaded[0](item)
