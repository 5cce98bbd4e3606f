"""The program of a worker process that flowmc started itself.

The parent starts a fresh interpreter whose environment holds the thread limits: NumPy's
libraries read these when they are loaded, so an initializer would come too late.  The
user's script is run again (as `__mp_main__`, the way `multiprocessing` spawns) only if
the function lives in it: a script that imports TensorFlow does not cost every worker
half a gigabyte.
"""

__all__ = ["BOOT", "WORKER_ENVIRONMENT", "main", "preparation"]

import multiprocessing
import multiprocessing.spawn
import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from flowmc.parallel.worker import Failure, GuardedFunction, NotLoaded, call_all

BOOT = (
    "import sys; from multiprocessing.connection import Connection; "
    "connection = Connection(int(sys.argv[1])); sys.path[:] = connection.recv(); "
    "from flowmc.parallel.process_worker import main; main(connection)"
)
# One process a core is the point of a pool; hidden threads in each only compete.
WORKER_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
ORPHAN_SECONDS = 1.0  # between two looks at whether the parent lives


def preparation(data: bytes) -> dict[str, Any]:
    """Return what a worker needs before it loads the function pickled in `data`."""
    values = multiprocessing.spawn.get_preparation_data("flowmc worker")
    values.pop("authkey", None)  # it refuses to travel, and nothing here needs it
    if b"__main__" not in data:
        for name in ("init_main_from_name", "init_main_from_path"):
            values.pop(name, None)
    return values


def main(connection: Connection) -> None:
    """Load the function, then answer lists of items until the parent is gone.

    Ctrl-C is the parent's business.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        values, data = connection.recv(), connection.recv_bytes()
        function = _load(values, data)
    except BaseException:
        connection.send(NotLoaded(traceback.format_exc()))
        return
    connection.send(None)
    while True:
        try:
            items = connection.recv()
        except (EOFError, OSError):
            return
        _answer(connection, call_all(items, function))


def _load(values: dict[str, Any], data: bytes) -> GuardedFunction:
    process: Any = multiprocessing.process.current_process()
    process._inheriting = True  # processes started by an unguarded script are refused
    try:
        multiprocessing.spawn.prepare(values)
        return GuardedFunction(ForkingPickler.loads(data))
    finally:
        del process._inheriting


def _answer(connection: Connection, results: list[Any]) -> None:
    """Send the results, as text where one cannot travel."""
    try:
        data = ForkingPickler.dumps(results)
    except Exception:
        data = ForkingPickler.dumps([_portable(result) for result in results])
    connection.send_bytes(data)


def _portable(result: Any) -> Any:
    try:
        ForkingPickler.dumps(result)
    except Exception as error:
        text = f"a result of type {type(result).__name__} cannot be sent: {error}"
        return Failure(type(error).__name__, text)
    return result


def _end_with(parent: int) -> None:
    """End this process soon after its parent, also in the middle of a long call."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(1)
