"""Likelihoods of a known cost, and every kind of pool with two workers."""

__all__ = ["KINDS", "MPI_KINDS", "SECONDS", "WORK", "WORKERS", "open_pool"]

import logging
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

SECONDS = 20e-3
WORKERS = 2


def sleep(theta: np.ndarray) -> float:
    """Wait, as for a file or another machine: no processor needed."""
    time.sleep(SECONDS)
    return -0.5 * float(np.sum(theta**2))


def spin(theta: np.ndarray) -> float:
    """Keep a core busy until 20 ms have passed on the clock."""
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        pass
    return -0.5 * float(np.sum(theta**2))


def nothing(theta: np.ndarray) -> float:
    """Cost nothing: what is left is the pool's own time."""
    return float(theta[0])


WORK = {"sleep": sleep, "spin": spin, "nothing": nothing}


@contextmanager
def open_pool(kind: str) -> Iterator[Any]:
    """Yield what `Target` takes as `pool=`."""
    with _OPENERS[kind]() as pool:
        yield pool


@contextmanager
def _own() -> Iterator[int]:
    yield WORKERS


@contextmanager
def _schwimmbad() -> Iterator[Any]:
    import multiprocess
    from schwimmbad import MultiPool

    # MultiPool hands further options on to the pool of `multiprocess`.
    with MultiPool(WORKERS, context=multiprocess.get_context("spawn")) as pool:
        yield pool


@contextmanager
def _dask() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.ERROR)
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _ray() -> Iterator[Any]:
    import ray
    from ray.util.multiprocessing import Pool

    ray.init(
        num_cpus=WORKERS,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    pool = Pool(WORKERS)
    try:
        yield pool
    finally:
        pool.terminate()
        ray.shutdown()


def _context() -> Any:
    return multiprocessing.get_context("spawn")


_OPENERS = {
    "own": _own,
    "multiprocessing": lambda: _context().Pool(WORKERS),
    "concurrent.futures": lambda: ProcessPoolExecutor(WORKERS, _context()),
    "schwimmbad": _schwimmbad,
    "dask": _dask,
    "ray": _ray,
}
MPI_KINDS = ("mpi4py.futures", "schwimmbad MPI")  # started by mpiexec
KINDS = (*_OPENERS, *MPI_KINDS)
