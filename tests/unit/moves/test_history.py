import numpy as np

from flowmc.moves.history import EnsembleHistory


def ensemble(step, walkers=4):
    return np.full((walkers, 2), float(step)), np.full(walkers, -float(step))


def filled(num_steps=10, **options):
    history = EnsembleHistory(num_steps=num_steps, **{"max_rows": 1000, **options})
    for step in range(1, num_steps + 1):
        history.add(step, *ensemble(step))
    return history


def test_recent_is_the_later_half():
    coords, log_prob, walker = filled().recent(10)
    assert sorted(set(coords[:, 0])) == [6, 7, 8, 9, 10]
    assert coords.shape == (20, 2)
    np.testing.assert_array_equal(log_prob, -coords[:, 0])
    np.testing.assert_array_equal(walker, np.tile(np.arange(4), 5))


def test_thins_to_the_rows_allowed():
    assert len(filled(num_steps=100, max_rows=100)) == 100
    coords, *_ = filled(num_steps=100, max_rows=100).recent(100)
    assert sorted(set(coords[:, 0])) == list(range(52, 101, 4))


def test_keeps_copies_and_drops_zero_density():
    history = EnsembleHistory(num_steps=2, max_rows=100)
    coords, log_prob = ensemble(1)
    log_prob[0] = -np.inf
    history.add(1, coords, log_prob)
    coords[:] = 99.0
    kept, _, walker = history.recent(1)
    np.testing.assert_array_equal(kept, np.ones((3, 2)))
    np.testing.assert_array_equal(walker, [1, 2, 3])


def test_is_empty_before_the_first_step_and_after_clear():
    history = EnsembleHistory(num_steps=2, max_rows=100)
    assert len(history.recent(1)[0]) == 0
    assert history.to_arrays() == {}
    history = filled()
    history.clear()
    assert len(history) == len(history.recent(10)[0]) == 0


def test_arrays_restore_it():
    history, other = filled(), EnsembleHistory(num_steps=10, max_rows=1000)
    other.from_arrays(history.to_arrays())
    for mine, theirs in zip(history.recent(10), other.recent(10), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    other.from_arrays({})
    assert len(other) == 0
