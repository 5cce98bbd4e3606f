"""Every kind of pool becomes the same ordered map."""

import multiprocessing.pool
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.parallel.ordered_map import ordered_map
from tests.unit.parallel import functions

ITEMS = list(range(7))
SQUARES = [item**2 for item in ITEMS]


class IteratorPool:
    """Like schwimmbad's serial pool: an iterator, and a size of zero."""

    size = 0

    def map(self, function, items):
        return map(function, items)


class ShortPool:
    def map(self, function, items):
        return [function(item) for item in items][:-1]


@pytest.mark.parametrize("pool", [None, 0, 1, np.int64(1), IteratorPool()])
def test_pools_without_processes(pool):
    mapped = ordered_map(functions.square, pool=pool)
    assert mapped(ITEMS) == SQUARES
    assert mapped.size >= 1


def test_threads():
    with ThreadPoolExecutor(2) as pool:
        mapped = ordered_map(lambda item: item**2, pool=pool)
        assert mapped.size == 2
        assert mapped(ITEMS) == SQUARES
    with multiprocessing.pool.ThreadPool(3) as pool:
        mapped = ordered_map(lambda item: item**2, pool=pool)
        assert mapped.size == 3
        assert mapped(ITEMS) == SQUARES


def test_size_of_pools_that_do_not_tell():
    assert ordered_map(functions.square, pool=IteratorPool()).size == 1


def test_short_answers_are_refused():
    with pytest.raises(ConfigurationError, match="returned 6 for 7 items"):
        ordered_map(functions.square, pool=ShortPool())(ITEMS)


class ReversingPool:
    def map(self, function, items):
        return [function(item) for item in items][::-1]


def test_answers_in_another_order_are_refused():
    with pytest.raises(ConfigurationError, match="answered in another order"):
        ordered_map(functions.square, pool=ReversingPool())(ITEMS)


@pytest.mark.parametrize("pool", ["two", 2.5, True, object()])
def test_other_objects_are_refused(pool):
    with pytest.raises(ConfigurationError, match="`pool` must be"):
        ordered_map(functions.square, pool=pool)


def test_timeout_needs_own_processes():
    with pytest.raises(ConfigurationError, match="`timeout` needs worker processes"):
        ordered_map(functions.square, timeout=1.0)


def test_serial_exceptions_pass():
    with pytest.raises(ValueError, match="three"):
        ordered_map(functions.fail_on_three)(ITEMS)
