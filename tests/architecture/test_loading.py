"""What is loaded when: a fresh interpreter imports a room and lists its modules."""

import os
import subprocess
import sys
import time

import pytest

from tests.architecture.source import PACKAGE, ROOT

HEAVY = ("tensorflow", "tensorflow_probability", "arviz", "matplotlib", "h5py", "scipy")


def loaded_by(*names: str) -> set[str]:
    """Import `names` in a fresh interpreter; return the top-level packages it holds."""
    code = (
        f"import importlib, sys; [importlib.import_module(n) for n in {names!r}]; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:flowmc", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def modules_of(room: str) -> list[str]:
    """Return the dotted names of every module of a room."""
    paths = sorted((PACKAGE / room).rglob("*.py"))
    dotted = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in dotted]


def test_import_flowmc_is_light():
    loaded = loaded_by("flowmc")
    assert "flowmc" in loaded
    assert not loaded & {*HEAVY, "numpy", "pydantic", "rich", "typer"}


def test_command_line_is_light():
    loaded = loaded_by("flowmc.cli.main")
    assert not loaded & {*HEAVY, "pydantic"}


@pytest.mark.parametrize("room", ["core", "parallel", "results"])
def test_room_loads_no_tensorflow(room):
    names = modules_of(room)
    assert names, f"no module found in {room}"
    assert not loaded_by(*names) & {"tensorflow", "tensorflow_probability", "keras"}


def test_probe_sees_tensorflow_where_it_is():
    assert "tensorflow" in loaded_by("flowmc.models.base")


def test_import_time_is_reported(record_property):
    started = time.perf_counter()
    assert "flowmc" in loaded_by("flowmc")
    record_property("import_flowmc_seconds", time.perf_counter() - started)


def test_lazy_names_exist():
    """Every public name is found on first use."""
    import flowmc

    missing = [name for name in flowmc.__all__ if not hasattr(flowmc, name)]
    assert not missing
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        flowmc.absent  # noqa: B018
