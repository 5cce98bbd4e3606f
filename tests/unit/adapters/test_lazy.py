"""Nothing foreign is loaded with the room; what is missing is named with its extra."""

import importlib
import sys

import pytest

import flowmc
from flowmc.core.errors import MissingDependencyError
from tests.architecture.test_loading import loaded_by
from tests.unit.results.builders import make_posterior

FOREIGN = {"arviz", "bilby", "cobaya", "corner", "getdist", "tensorflow"}
# The adapter's module, and a module of the package that it asks for first.
ADAPTERS = {
    "bilby": ("bilby", "bilby.core.sampler.base_sampler"),
    "bilby_likelihood": ("bilby", "bilby.core.likelihood"),
    "cobaya": ("cobaya", "cobaya.collection"),
}


def test_the_room_loads_nothing_foreign():
    assert not FOREIGN & loaded_by("flowmc.adapters")
    names = ("flowmc.adapters.getdist", "flowmc.adapters.getdist_names")
    assert not FOREIGN & loaded_by(*names)


def test_workers_of_bilby_load_no_tensorflow():
    pytest.importorskip("bilby", reason="the adapter for bilby needs bilby")
    assert "tensorflow" not in loaded_by("flowmc.adapters.bilby_likelihood")


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
    extra, blocked = ADAPTERS[name]
    monkeypatch.setitem(sys.modules, blocked, None)
    for adapter in ADAPTERS:
        monkeypatch.delitem(sys.modules, f"flowmc.adapters.{adapter}", raising=False)
    with pytest.raises(MissingDependencyError, match=rf"flowmc-tf\[{extra}\]"):
        importlib.import_module(f"flowmc.adapters.{name}")


def test_missing_getdist_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "getdist", None)
    with pytest.raises(MissingDependencyError, match=r"flowmc-tf\[getdist\]"):
        flowmc.adapters.to_getdist(make_posterior())


def test_functions_are_found_again_and_again():
    for name in flowmc.adapters.__all__:
        assert getattr(flowmc.adapters, name).__name__ == name
        assert getattr(flowmc.adapters, name).__name__ == name
    assert dir(flowmc.adapters) == flowmc.adapters.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = flowmc.adapters.nonsense
