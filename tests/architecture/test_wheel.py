"""The wheel: what is in it, and that it installs and starts without the checkout."""

import configparser
import email
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

CODE = """
import flowmc, importlib.metadata as metadata
assert flowmc.__version__ == metadata.version("flowmc-tf")
print(flowmc.__file__)
"""


def run(*command, **options) -> str:
    """Run `command`; return what it printed, or fail with what it complained of."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build from a copy, so that no build folder is left in the checkout or read."""
    copy = tmp_path_factory.mktemp("checkout") / "flowmc"
    skipped = shutil.ignore_patterns(
        ".*", "*.egg-info", "build", "dist", "__pycache__", "results"
    )
    shutil.copytree(ROOT, copy, ignore=lambda path, names: _skip(skipped, path, names))
    out = tmp_path_factory.mktemp("wheel")
    isolation = ("--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", "-q", *isolation, "-w", out, copy)
    return next(out.glob("*.whl"))


def _skip(patterns, path, names):
    skipped = set(patterns(path, names))
    # `results` at the top holds runs; flowmc/results is a room.
    return skipped if Path(path) == ROOT else skipped - {"results"}


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith("flowmc_tf-")
    tops = {name.split("/")[0] for name in names}
    assert tops == {"flowmc", next(t for t in tops if t.endswith(".dist-info"))}
    packed = {name for name in names if name.startswith("flowmc/")}
    present = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob("flowmc/**/*.py")
    }
    assert packed == present


def test_metadata_is_complete(wheel):
    archive = zipfile.ZipFile(wheel)
    folder = next(n for n in archive.namelist() if n.endswith("/METADATA"))
    metadata = email.message_from_bytes(archive.read(folder))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Normalizing flows" in metadata["Summary"]
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras == {
        "adapters",
        "bench",
        "bilby",
        "cobaya",
        "cluster",
        "dask",
        "docs",
        "getdist",
        "gpu",
        "mpi",
        "ray",
        "test",
    }
    scripts = archive.read(folder.replace("METADATA", "entry_points.txt")).decode()
    assert "flowmc = flowmc.cli.main:main" in scripts


def test_version_is_the_same_everywhere(wheel):
    version = wheel.name.split("-")[1]
    init = (ROOT / "flowmc" / "__init__.py").read_text()
    assert f'__version__ = "{version}"' in init
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: flowmc.__version__"


@pytest.mark.full
def test_wheel_starts_in_a_fresh_environment(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel)
    assert str(tmp_path) in run(python, "-c", CODE, cwd=tmp_path)
