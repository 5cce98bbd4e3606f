"""The skeletons of `docs/extending.md` keep what they promise."""

import os
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT
from tests.documents.pages import DOCS, scripts

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
# The quickest of the suite that see a wrong determinant, draw or description.
QUICK = "test_round_trip or autodiff_jacobian or untrained or rebuilds"


def conformance(*words):
    """Run the conformance suite on the model of the page, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.documents.skeletons"]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:xdist", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=ENVIRONMENT,
    )


def test_model_keeps_the_quick_part_of_the_contract():
    words = ["tests/conformance/test_models.py", "-k", f"sinh_arcsinh and ({QUICK})"]
    done = conformance(*words)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.full
def test_model_keeps_all_of_the_contract():
    done = conformance("tests/conformance", "-m", "", "-k", "sinh_arcsinh")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.full
def test_whole_page_runs(tmp_path):
    """Model, kernel with its invariance test and control, loss and adapter."""
    (script,) = scripts(DOCS / "extending.md")
    path = tmp_path / "page.py"
    path.write_text(script.text)
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
