"""Coarse pictures wherever a test looks at something else than the picture."""

import pytest

from flowmc.results import plot_style


@pytest.fixture(autouse=True)
def _coarse_pictures(request, monkeypatch):
    if "fine_pictures" not in request.fixturenames:
        monkeypatch.setattr(plot_style, "_DPI", 40)


@pytest.fixture
def fine_pictures():
    """Ask for the pictures that a user gets."""
