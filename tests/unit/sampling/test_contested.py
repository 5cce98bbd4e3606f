"""Which of two evidences can speak against the other."""

import pytest

from flowmc.sampling.smc_assemble import _contested

IMPORTANCE = (-3.0, 0.01)


@pytest.mark.parametrize(("ladder", "is_heard"), [(-2.0, True), (-4.0, False)])
def test_a_ladder_that_found_less_has_lost_it_itself(ladder, is_heard):
    found = {"importance": IMPORTANCE, "smc": (ladder, 0.1)}
    assert ("smc" in _contested(found)) == is_heard
    assert _contested(found)["importance"] == IMPORTANCE


def test_one_evidence_stands():
    assert _contested({"smc": (-4.0, 0.1)}) == {"smc": (-4.0, 0.1)}
    assert _contested({}) == {}
