"""A second thread for TensorFlow's functions on machines with one processor.

TensorFlow runs functions in a pool of as many threads as there are processors.  A
density in Python, called from a graph, occupies one of them; if it calls a TensorFlow
function itself (a bijector's log-det, say), that waits for another.  Where there is
only one, both wait for ever.
"""

__all__ = ["ensure_second_thread"]

import logging
import os
import sys

VARIABLE = "TF_NUM_INTEROP_THREADS"  # read when TensorFlow starts its pools
LEAST = 2
_logger = logging.getLogger(__name__)


def ensure_second_thread() -> None:
    """See to it that TensorFlow starts with two threads; it need not be loaded yet."""
    if _num_processors() >= LEAST or VARIABLE in os.environ:
        return
    os.environ[VARIABLE] = str(LEAST)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return
    try:
        tensorflow.config.threading.set_inter_op_parallelism_threads(LEAST)
    except (AttributeError, RuntimeError):  # half imported, or its pools are there
        _logger.warning(
            "TensorFlow was started before flowmc, on one processor: a NumPy target "
            "may wait for ever. Import flowmc first, or set %s=%d.",
            VARIABLE,
            LEAST,
        )


def _num_processors() -> int:
    """Return how many processors this process may use, as TensorFlow counts them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
