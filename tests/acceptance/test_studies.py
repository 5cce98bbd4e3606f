"""The studies of `examples/`, run as a reader would: they agree with what is known."""

import os
import subprocess
import sys

import numpy as np
import pytest

import flowmc
from tests.architecture.source import ROOT

STUDIES = {
    "hd_164922": ("orbits.png", 6),
    "gravitational_wave": ("sky.png", 11),
    "phi4": ("magnetization.png", 4),
}
PICTURES = ("corner.png", "trace.png", "training.png")


def run(name, folder, *, quick):
    """Run a study in an empty folder; return what it printed and its posterior."""
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    environment["FLOWMC_QUICK"] = "1" if quick else "0"
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = folder / "results" / name
    for picture in (STUDIES[name][0], *PICTURES):
        assert (results / picture).stat().st_size > 2000, picture
    return done.stdout, flowmc.load(results / "posterior.h5")


@pytest.mark.full
@pytest.mark.parametrize("name", STUDIES)
def test_quick_mode_takes_the_same_way(name, tmp_path):
    printed, posterior = run(name, tmp_path, quick=True)
    num_checks = printed.count(", agrees") + printed.count(", DIFFERS")
    assert num_checks == STUDIES[name][1]
    assert np.isfinite(posterior.flat()).all()


@pytest.mark.full
@pytest.mark.parametrize("name", STUDIES)
def test_study_agrees_with_what_is_known(name, tmp_path):
    printed, posterior = run(name, tmp_path, quick=False)
    assert printed.count(", agrees") == STUDIES[name][1]
    assert "DIFFERS" not in printed
    assert posterior.verdict.ok, posterior.verdict.reasons
