"""The room loads lightly, and every public name is there."""

import subprocess
import sys

import pytest

import flowmc.results

HEAVY = ("tensorflow", "arviz", "matplotlib", "h5py", "corner", "xarray", "pandas")

LOAD_ALL = """
import pkgutil, sys
import flowmc.results
for module in pkgutil.iter_modules(flowmc.results.__path__):
    __import__(f"flowmc.results.{module.name}")
found = [name for name in sys.argv[1:] if name in sys.modules]
sys.exit(", ".join(found) or None)
"""


def test_no_module_of_the_room_loads_anything_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, *HEAVY], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_there():
    for name in flowmc.results.__all__:
        assert getattr(flowmc.results, name).__name__ == name
    assert dir(flowmc.results) == sorted(flowmc.results.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = flowmc.results.nonsense
