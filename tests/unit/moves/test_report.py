import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.moves.report import describe
from flowmc.moves.tally import Tally


def report(frozen_at):
    tally = Tally()
    tally.count(np.array([True, False]), num_masked=3, num_unscored=2)
    return describe(
        title="Move",
        num_steps=40,
        num_adapt=30,
        frozen_at=frozen_at,
        tallies={"flow": tally, "never": Tally()},
        records=[WindowRecord("adapt 1", "maf", 30, notes=("all was well",))],
    )


def test_says_what_to_discard():
    text = report(61)
    assert "frozen after 30 own steps; discard 61" in text
    assert "acceptance 0.50" in text
    assert "bounds): 3" in text
    assert "stayed: 2" in text
    assert "all was well" in text
    assert "never" not in text
    assert "nan" not in text


def test_says_that_nothing_counts_yet():
    assert "adapting: 40 of 30 own steps; no draw counts yet" in report(None)
