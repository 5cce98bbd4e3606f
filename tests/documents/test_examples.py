"""The examples are what a newcomer runs first: each one runs, and gives the truth."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowmc.cli.config import load_config
from flowmc.core.seeds import fold_in, generator

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CONFIGS = sorted(EXAMPLES.glob("*.toml"))
SCRIPTS = sorted(EXAMPLES.glob("*_emcee.py"))
FILES = (
    "posterior.h5",
    "posterior.nc",
    "corner.png",
    "trace.png",
    "training.png",
    "report.html",
    "config.resolved.toml",
)


def flowmc(*words, **options):
    code = "import sys; from flowmc.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, **options
    )


def test_there_are_examples():
    assert CONFIGS
    assert SCRIPTS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configuration_names_an_existing_file(path):
    config = load_config(path)
    file, _, name = config.target.posterior.rpartition(":")
    assert f"def {name}(" in (path.parent / file).read_text()


def trial_points(path, bounds):
    """Return the points of the box at which `--test` tries a configuration."""
    sample = load_config(path).sample
    low, high = np.array(bounds).T
    random = generator(fold_in(sample.seed, "trial", "first"))
    return random.uniform(low, high, size=(sample.num_chains, len(bounds)))


@pytest.mark.full
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configuration_passes_its_trial(path, monkeypatch):
    result = flowmc("run", path, "--test", "--json")
    assert result.returncode == 0, result.stderr
    trial = json.loads(result.stdout)
    expected = trial["num_points"]
    if path.name == "dark_energy.toml":
        # Its box has a corner that its prior excludes, and nothing else is without.
        monkeypatch.syspath_prepend(EXAMPLES)
        bounds = importlib.import_module("dark_energy").BOUNDS
        expected = np.sum(trial_points(path, bounds)[:, :2].sum(axis=1) < 0.0)
    assert trial["num_finite"] == expected


@pytest.mark.full
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_runs_quickly(path):
    result = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"FLOWMC_QUICK": "1", "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert "Acceptance" in result.stdout
    assert "logk2" in result.stdout


@pytest.mark.full
def test_demo_gives_the_truth(tmp_path):
    """The README's main job, judged against the quadrature."""
    out = tmp_path / "k2_24"
    result = flowmc("run", EXAMPLES / "k2_24.toml", "-o", out, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["verdict"]["ok"]
    assert all((out / name).stat().st_size > 200 for name in FILES)

    truth = json.loads((ROOT / "tests" / "truths" / "k2_24.json").read_text())
    assert abs(found["log_evidence"] - truth["log_evidence"]) < 0.05
    for name, exact in truth["parameters"].items():
        row = found["summary"][name]
        assert row["r_hat"] < 1.01
        for key in ("mean", "q16", "q50", "q84"):
            assert np.abs(row[key] - exact[key]) < 0.1 * exact["sd"], (name, key)

    again = flowmc("run", EXAMPLES / "k2_24.toml", "-o", out)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    assert flowmc("run", EXAMPLES / "k2_24.toml", "-o", out, "--resume").returncode == 0
    assert flowmc("summary", out).returncode == 0
    assert flowmc("diagnose", out).returncode == 0
