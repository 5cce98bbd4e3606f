import pytest

from tests.unit.moves.fakes import NumpyMap, NumpyProposal, NumpyWalk


@pytest.fixture
def numpy_proposal(monkeypatch):
    """Replace what is compiled: what is tested then is the move around it."""
    monkeypatch.setattr("flowmc.moves.adaptation.CompiledProposal", NumpyProposal)
    monkeypatch.setattr("flowmc.moves.walk_adaptation.CompiledWalk", NumpyWalk)
    monkeypatch.setattr("flowmc.moves.walk_adaptation.CompiledMap", NumpyMap)
