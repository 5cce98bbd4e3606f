"""The import contracts of setup.cfg hold, and each of them can be broken."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT

RUN = "from importlinter.cli import lint_imports_command as run; run()"
ROOMS = "Rooms only look down"
PLAIN = "Results and workers are plain NumPy"
FRAMEWORKS = "No Keras and no second tensor framework"


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    """Check the package that lies in `folder` against our contracts."""
    options = ("--config", str(ROOT / "setup.cfg"), "--no-cache", "--no-logo")
    return subprocess.run(
        [sys.executable, "-c", RUN, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def declared_rooms() -> list[str]:
    """Return the rooms that the contract names."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return re.findall(r"\w+", setup["importlinter:contract:rooms"]["layers"])


@pytest.fixture
def skeleton(tmp_path) -> Path:
    """A package of our name, with every room and not one import."""
    for room in ("", *declared_rooms()):
        folder = tmp_path / "flowmc" / room
        folder.mkdir()
        (folder / "__init__.py").write_text('"""A room."""\n')
    return tmp_path


def test_contracts_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    for contract in (ROOMS, PLAIN, FRAMEWORKS):
        assert f"{contract} KEPT" in done.stdout


def test_every_room_is_declared_and_present():
    present = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert present <= set(declared_rooms())
    assert len(present) > 8


def test_skeleton_breaks_nothing(skeleton):
    done = lint_imports(skeleton)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core", "import flowmc.parallel", ROOMS),
        ("core", "from flowmc import models", ROOMS),
        ("parallel", "import flowmc.targets", ROOMS),
        ("targets", "import flowmc.results", ROOMS),
        ("results", "import flowmc.models", ROOMS),
        ("kernels", "import flowmc.models", ROOMS),
        ("models", "import flowmc.training", ROOMS),
        ("sampling", "import flowmc.moves", ROOMS),
        ("moves", "import flowmc.adapters", ROOMS),
        ("moves", "def f():\n    import flowmc.cli", ROOMS),
        ("results", "import tensorflow", PLAIN),
        ("parallel", "def f():\n    from tensorflow_probability import mcmc", PLAIN),
        ("models", "def f():\n    import tf_keras", FRAMEWORKS),
        ("adapters", "from keras import layers", FRAMEWORKS),
    ],
)
def test_contract_sees_a_planted_import(skeleton, module, line, contract):
    planted = skeleton / "flowmc" / module / "planted.py"
    planted.write_text(f'"""Planted."""\n{line}\n')
    done = lint_imports(skeleton)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout


def test_contract_sees_an_undeclared_room(skeleton):
    (skeleton / "flowmc" / "attic").mkdir()
    (skeleton / "flowmc" / "attic" / "__init__.py").touch()
    done = lint_imports(skeleton)
    assert done.returncode != 0
    assert "attic" in done.stdout
