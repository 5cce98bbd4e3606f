"""The reservoir holds a uniform sample of everything ever added."""

import numpy as np
import pytest
from scipy import stats

from flowmc.core.errors import ConfigurationError, TrainingError
from flowmc.training.replay import ReplayBuffer


def numbered(first, count):
    """Rows that carry their own number."""
    return np.repeat(np.arange(first, first + count, dtype=float)[:, None], 2, axis=1)


def filled(num_batches, size, *, capacity, seed=0, weights=None):
    buffer = ReplayBuffer(2, capacity=capacity, seed=seed)
    for batch in range(num_batches):
        w = None if weights is None else weights[batch * size : (batch + 1) * size]
        buffer.add(numbered(batch * size, size), weights=w)
    return buffer


def times_kept(num_batches, size, *, capacity, num_seeds, weights=None):
    """How often each row is held at the end, over many buffers."""
    counts = np.zeros(num_batches * size)
    for seed in range(num_seeds):
        buffer = filled(
            num_batches, size, capacity=capacity, seed=seed, weights=weights
        )
        counts[buffer.draws[:, 0].astype(int)] += 1
    return counts


def test_uniform_over_all_draws_old_and_new():
    num_seeds, capacity = 600, 20
    counts = times_kept(10, 10, capacity=capacity, num_seeds=num_seeds)
    expected = num_seeds * capacity / 100
    # Each count is binomial, and together they sum to a constant.
    variance = expected * (1.0 - capacity / 100)
    chi_square = np.sum((counts - expected) ** 2) / variance * 99 / 100
    assert 1e-3 < stats.chi2(99).sf(chi_square) < 1.0 - 1e-3
    by_batch = counts.reshape(10, 10).sum(axis=1)
    assert np.abs(by_batch - by_batch.mean()).max() < 4.5 * np.sqrt(10 * variance)


def test_weights_decide_who_stays():
    # A reservoir of one row keeps row i with probability w_i / sum(w).
    weights = np.array([1.0, 2.0, 3.0, 4.0, 0.0, 10.0])
    counts = times_kept(3, 2, capacity=1, num_seeds=3000, weights=weights)
    assert counts[4] == 0
    expected = 3000 * weights / weights.sum()
    used = weights > 0
    assert stats.chisquare(counts[used], expected[used]).pvalue > 1e-3


def test_all_rows_are_kept_until_it_is_full():
    buffer = filled(3, 10, capacity=100)
    np.testing.assert_array_equal(buffer.draws, numbered(0, 30))
    assert len(buffer) == 30
    assert len(filled(30, 10, capacity=100)) == 100


def test_log_prob_follows_its_row():
    buffer = ReplayBuffer(2, capacity=15, seed=1)
    for first in range(0, 100, 10):
        x = numbered(first, 10)
        buffer.add(x, log_prob=-x[:, 0])
    np.testing.assert_array_equal(buffer.log_prob, -buffer.draws[:, 0])
    buffer.add(numbered(100, 50))
    is_new = buffer.draws[:, 0] >= 100
    assert np.isnan(buffer.log_prob[is_new]).all()
    assert np.isfinite(buffer.log_prob[~is_new]).all()


def test_restored_buffers_go_on_identically():
    first = filled(5, 10, capacity=20, seed=7)
    second = ReplayBuffer(2, capacity=20, seed=7)
    second.from_arrays({key: np.copy(v) for key, v in first.to_arrays().items()})
    for buffer in (first, second):
        buffer.add(numbered(50, 30), log_prob=np.arange(30.0))
    for key, value in first.to_arrays().items():
        np.testing.assert_array_equal(second.to_arrays()[key], value)


def test_stored_arrays_do_not_change_as_the_buffer_goes_on():
    buffer = filled(5, 10, capacity=20)
    arrays = buffer.to_arrays()
    before = {key: np.copy(value) for key, value in arrays.items()}
    buffer.add(numbered(50, 30))
    for key, value in arrays.items():
        np.testing.assert_array_equal(value, before[key])


def test_results_are_copies():
    buffer = filled(1, 5, capacity=10)
    buffer.draws[:] = -1.0
    buffer.log_prob[:] = -1.0
    np.testing.assert_array_equal(buffer.draws, numbered(0, 5))
    assert np.isnan(buffer.log_prob).all()


def test_seed_decides():
    same, other = filled(9, 10, capacity=20, seed=3), filled(9, 10, capacity=20, seed=4)
    again = filled(9, 10, capacity=20, seed=3)
    np.testing.assert_array_equal(again.draws, same.draws)
    assert not np.array_equal(other.draws, same.draws)


def test_clear_forgets_the_rows():
    buffer = filled(2, 10, capacity=15)
    buffer.clear()
    assert len(buffer) == 0
    buffer.add(numbered(0, 3))
    np.testing.assert_array_equal(buffer.draws, numbered(0, 3))


@pytest.mark.parametrize(
    ("draws", "options", "error", "text"),
    [
        (np.ones(3), {}, ConfigurationError, r"shape \[n, 2\]"),
        ([[1.0, np.nan]], {}, TrainingError, "must be finite"),
        (np.ones((2, 2)), {"log_prob": [1.0]}, TrainingError, "must have 2 entries"),
        (np.ones((2, 2)), {"weights": [1.0]}, TrainingError, "must have 2 entries"),
        (np.ones((2, 2)), {"weights": [1.0, -1.0]}, TrainingError, "non-negative"),
        (np.ones((2, 2)), {"weights": [1.0, np.nan]}, TrainingError, "non-negative"),
    ],
)
def test_bad_rows(draws, options, error, text):
    with pytest.raises(error, match=text):
        ReplayBuffer(2, capacity=5).add(draws, **options)


def test_bad_capacity():
    with pytest.raises(ConfigurationError, match="`capacity` must be at least 1"):
        ReplayBuffer(2, capacity=0)
