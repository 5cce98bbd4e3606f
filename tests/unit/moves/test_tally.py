import numpy as np

from flowmc.moves.tally import Tally


def test_counts():
    tally = Tally()
    assert np.isnan(tally.acceptance)
    tally.count(np.array([True, False, False]), num_masked=2, num_unscored=1)
    tally.count(np.array([False, False, True]), num_masked=1)
    assert (tally.num_steps, tally.num_proposals, tally.num_accepted) == (2, 6, 2)
    assert (tally.num_masked, tally.num_unscored) == (3, 1)
    assert tally.acceptance == 2 / 6


def test_longest_wait_is_of_one_walker():
    tally = Tally()
    for pattern in ([0, 1], [0, 0], [0, 0], [1, 0], [0, 1]):
        tally.count(np.array(pattern, dtype=bool))
    assert tally.longest_wait == 3
    tally.count(np.array([False, False, False]))  # another ensemble
    assert tally.longest_wait == 3
