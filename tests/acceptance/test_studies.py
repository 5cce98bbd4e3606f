"""The studies in full: each agrees with its known answer, and its verdict is good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Its own picture, and how many figures it compares.
STUDIES = {
    "dark_energy": ("planes.png", 5),
    "gravitational_wave": ("sky.png", 10),
    "hd_164922": ("orbits.png", 6),
    "neutrino": ("planes.png", 5),
    "phi4": ("magnetization.png", 5),
}
FILES = ("corner.png", "posterior.h5", "trace.png", "training.png")


@pytest.mark.full
@pytest.mark.parametrize("name", STUDIES)
def test_study_agrees_with_its_known_answer(name, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "FLOWMC_QUICK"}
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        timeout=1400,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Verdict: good" in result.stdout
    assert "DIFFERS" not in result.stdout
    picture, num_checks = STUDIES[name]
    assert result.stdout.count("agrees") == num_checks
    for file in (picture, *FILES):
        assert (tmp_path / "results" / name / file).stat().st_size > 1000
