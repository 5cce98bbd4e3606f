"""The scripts on moves: their known answers are right, and they run."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy import special

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("FLOWMC_QUICK", "1")
    return import_module


def test_answer_of_the_line_is_that_of_its_density(load):
    """Against a grid in three dimensions."""
    line = load("emcee_upgrade")
    center, sd, _, _ = line.exact()
    steps = [
        center[0] + sd[0] * np.linspace(-6, 6, 31),
        center[1] + sd[1] * np.linspace(-6, 6, 31),
        np.linspace(-5.99, 1.5, 101),
    ]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = special.softmax([line.log_prob(point) for point in points])
    mean = weight @ points
    np.testing.assert_array_less(np.abs(mean - center), 0.02 * sd)
    width = np.sqrt(weight @ (points - mean) ** 2)
    np.testing.assert_allclose(width, sd, rtol=0.02)


def test_line_has_a_target_and_no_density_outside(load):
    line = load("emcee_upgrade")
    inside = np.array([[1.1, 2.4, -1.0], [1.0, 2.0, 0.5]])
    found = line.target().log_prob(inside)
    np.testing.assert_allclose(found, [line.log_prob(point) for point in inside])
    assert line.log_prob(np.array([1.1, 2.4, 2.5])) == -np.inf


def test_ring_has_a_target_in_a_box(load):
    ring = load("vae_manifold")
    target, theta = ring.target(), ring.RING.sample(50, seed=3)
    np.testing.assert_allclose(
        target.log_prob(theta), ring.RING.log_prob_host(theta), rtol=1e-9
    )
    assert np.abs(theta).max() < 2.0
    axes = ring.plane()
    radius = np.linalg.norm(theta @ axes, axis=1)
    assert np.abs(radius - 1.0).max() < 0.25


@pytest.mark.parametrize("name", ["emcee_upgrade", "vae_manifold"])
def test_fits_on_a_page(name):
    text = (EXAMPLES / f"{name}.py").read_text()
    assert len(text.splitlines()) <= 120


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "told"),
    [("emcee_upgrade", "flow+stretch"), ("vae_manifold", "latent_walk: acceptance")],
)
def test_script_runs_quickly(name, told, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ
        | {"FLOWMC_QUICK": "1", "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert list(tmp_path.glob(f"results/{name}/*.png"))
