import pytest

from tests.unit.moves.fakes import NumpyProposal


@pytest.fixture
def numpy_proposal(monkeypatch):
    """Replace the compiled proposal: what is tested then is the move around it."""
    monkeypatch.setattr("flowmc.moves.adaptation.CompiledProposal", NumpyProposal)
