"""Registries: register, find, refuse, and join from other distributions."""

import sys
from importlib import metadata

import pytest

from flowmc.core import registry
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import Registry, import_siblings


@pytest.fixture
def models():
    """A registry that no distribution adds to."""
    return Registry("model", group="flowmc.tests.absent")


def test_register_returns_the_class_unchanged(models):
    class Flow: ...

    assert models.register("maf")(Flow) is Flow
    assert models.get("maf") is Flow
    assert "maf" in models
    assert "iaf" not in models


def test_names_are_sorted(models):
    for name in ("b", "c", "a"):
        models.register(name)(object())
    assert models.names() == list(models) == ["a", "b", "c"]


def test_unknown_name_lists_the_known(models):
    with pytest.raises(ConfigurationError, match="not a known model; known are: none"):
        models.get("mfa")
    models.register("maf")(object())
    models.register("iaf")(object())
    with pytest.raises(ConfigurationError, match="`mfa` is not .* known are: iaf, maf"):
        models.get("mfa")


def test_taken_name_is_refused_unless_it_is_the_same_entry(models):
    entry = object()
    models.register("maf")(entry)
    models.register("maf")(entry)
    with pytest.raises(ConfigurationError, match="Model names must be unique; `maf`"):
        models.register("maf")(object())
    assert models.get("maf") is entry


def test_entry_points_of_other_distributions_join_once(monkeypatch):
    calls = []

    class Point:
        name = "foreign"

        def load(self):
            calls.append("load")
            return dict

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Point()])
    models = Registry("model", group="flowmc.models")
    assert models.get("foreign") is dict
    assert models.names() == ["foreign"]
    assert calls == ["load"]


def test_import_siblings_imports_every_module_of_a_room(tmp_path, monkeypatch):
    room = tmp_path / "planted_room"
    room.mkdir()
    (room / "__init__.py").touch()
    for name in ("one", "two"):
        (room / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    import_siblings("planted_room", [str(room)])
    assert {"planted_room.one", "planted_room.two"} <= set(sys.modules)


def test_the_three_tables_have_their_own_groups():
    tables = (registry.MODELS, registry.KERNELS, registry.LOSSES)
    messages = []
    for table in tables:
        with pytest.raises(ConfigurationError) as error:
            table.get("no such name")
        messages.append(str(error.value).split(";")[0].split()[-1])
    assert messages == ["model", "kernel", "loss"]
