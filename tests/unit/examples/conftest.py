"""Studies import what they share from their own folder."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = str(ROOT / "examples")


@pytest.fixture(scope="session")
def load_example():
    """A function that imports a file of the examples folder by its name."""

    def load(name):
        sys.path.insert(0, EXAMPLES)
        try:
            return import_module(name)
        finally:
            sys.path.remove(EXAMPLES)

    return load
