"""Every kind of pool that runs here, by name; those of packages not installed skip.

Two processes each, never forked from a process with TensorFlow's threads.
"""

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.pool import ThreadPool

import pytest

STANDARD = ("two", "multiprocessing", "executor")  # what Python brings
CLUSTER = ("schwimmbad", "dask", "ray")  # the extra `cluster` installs these
# The long tests open them, and need what `make test-full` installs.
_CLUSTER = [pytest.param(name, marks=pytest.mark.full) for name in CLUSTER]
PROCESSES = [*STANDARD, *_CLUSTER]
EVERY = [
    None,
    "three",
    *PROCESSES,
    "threads",
    "thread executor",
    pytest.param("serial", marks=pytest.mark.full),
]


def spawning():
    return multiprocessing.get_context("spawn")


@contextmanager
def open_pool(name):
    """Yield what is passed as `pool=`."""
    with _OPENERS[name]() as pool:
        yield pool


@contextmanager
def _given(value):
    yield value


@contextmanager
def _executor():
    with ProcessPoolExecutor(2, mp_context=spawning()) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _schwimmbad():
    multiprocess = pytest.importorskip("multiprocess")
    schwimmbad = pytest.importorskip("schwimmbad")

    class Spawning(schwimmbad.MultiPool):
        """MultiPool takes no context; a fork would copy TensorFlow's threads."""

        def __init__(self, *args, **options):
            context = multiprocess.get_context("spawn")
            super().__init__(*args, context=context, **options)

    with Spawning(2) as pool:
        yield pool


@contextmanager
def _serial():
    schwimmbad = pytest.importorskip("schwimmbad")
    yield schwimmbad.SerialPool()


@contextmanager
def _dask():
    distributed = pytest.importorskip("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        yield client
        # Closing while a dead worker is started anew would join what never began.
        client.wait_for_workers(2, timeout=60)


@contextmanager
def _ray():
    ray = pytest.importorskip("ray")
    from ray.util.multiprocessing import Pool

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        ignore_reinit_error=True,
        object_store_memory=100 * 2**20,
    )
    pool = Pool(2)
    try:
        yield pool
    finally:
        if ray.is_initialized():  # another fixture may have shut it down for both
            with suppress(Exception):
                pool.terminate()
            ray.shutdown()


_OPENERS = {
    None: lambda: _given(None),
    "two": lambda: _given(2),
    "three": lambda: _given(3),
    "multiprocessing": lambda: spawning().Pool(2),
    "executor": _executor,
    "schwimmbad": _schwimmbad,
    "serial": _serial,
    "threads": lambda: ThreadPool(2),
    "thread executor": lambda: ThreadPoolExecutor(2),
    "dask": _dask,
    "ray": _ray,
}
