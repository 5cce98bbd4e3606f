"""`flowmc run` with `sampler = "smc"`, as at a terminal: files, codes, resume."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import flowmc

pytestmark = pytest.mark.full

POSTERIOR = """
import numpy as np
from scipy import stats

import flowmc


def log_likelihood(theta):
    return stats.norm.logpdf(theta, loc=(0.5, -1.0), scale=(0.1, 0.3)).sum(axis=-1)


def two_lines():
    prior = {"slope": stats.uniform(-5.0, 10.0), "offset": stats.norm(0.0, 2.0)}
    return flowmc.Target(log_likelihood_fn=log_likelihood, prior=prior)
"""
CONFIG = """
[target]
posterior = "lines.py:two_lines"

[sample]
sampler = "smc"
num_draws = 2000
num_particles = 384
model = "gaussian"
seed = 1
"""
# The slope's prior is flat and its likelihood far from the edges; the offset's two
# normal laws multiply to one.
LOG_EVIDENCE = np.log(0.1) + stats.norm.logpdf(-1.0, 0.0, np.hypot(2.0, 0.3))
MEAN = np.array([0.5, -1.0 / (1.0 + 0.3**2 / 2.0**2)])
SD = np.array([0.1, 1.0 / np.hypot(1.0 / 0.3, 1.0 / 2.0)])


def flowmc_command(folder, *words):
    """Run the command line in a process of its own."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    command = [str(Path(sys.executable).with_name("flowmc")), *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run, and what the run printed."""
    folder = tmp_path_factory.mktemp("smc")
    (folder / "lines.py").write_text(POSTERIOR)
    (folder / "lines.toml").write_text(CONFIG)
    done = flowmc_command(folder, "run", "lines.toml", "-o", "out")
    assert done.returncode == 0, done.stderr
    return folder, done


def test_draws_and_evidence_are_right(finished):
    posterior = flowmc.load(finished[0] / "out" / "posterior.h5")
    error = posterior.log_evidence_error
    assert abs(posterior.log_evidence - LOG_EVIDENCE) < 4.0 * error < 0.12
    weight = np.exp(posterior.weighted.log_weight - posterior.weighted.log_weight.max())
    kish = weight.sum() ** 2 / (weight**2).sum()
    mean = np.average(posterior.weighted.theta, axis=0, weights=weight)
    assert (np.abs(mean - MEAN) < 4.0 * SD / np.sqrt(kish)).all()
    assert posterior.flat().std(axis=0) == pytest.approx(SD, rel=0.08)


def test_the_terminal_tells_verdict_and_evidence(finished):
    out = finished[1].stdout
    assert "Verdict: good" in out
    assert "ln Z" in out


def test_all_files_are_there(finished):
    names = {path.name for path in (finished[0] / "out").iterdir()}
    pictures = {"corner.png", "trace.png", "training.png", "ladder.png"}
    assert {"posterior.h5", "posterior.nc", "report.html"} | pictures <= names
    report = (finished[0] / "out" / "report.html").read_text()
    assert "Temperature" in report


def test_other_commands_read_the_run(finished):
    for word in ("summary", "diagnose"):
        done = flowmc_command(finished[0], word, "out")
        assert done.returncode == 0, done.stderr
    (finished[0] / "out" / "ladder.png").unlink()
    assert flowmc_command(finished[0], "plot", "out").returncode == 0
    assert (finished[0] / "out" / "ladder.png").exists()


def test_more_draws_are_added_on_resume(finished):
    folder = finished[0]
    (folder / "lines.toml").write_text(CONFIG.replace("2000", "3000"))
    before = flowmc.load(folder / "out" / "posterior.h5")
    done = flowmc_command(
        folder, "run", "lines.toml", "-o", "out", "--resume", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    after = flowmc.load(folder / "out" / "posterior.h5")
    assert after.theta.shape == (3000, 1, 2)
    count = len(before.weighted.theta)
    assert len(after.weighted.theta) > count
    np.testing.assert_array_equal(after.weighted.theta[:count], before.weighted.theta)


def test_a_key_of_the_other_sampler_is_refused(finished):
    folder = finished[0]
    (folder / "wrong.toml").write_text(CONFIG + "num_chains = 8\n")
    done = flowmc_command(folder, "run", "wrong.toml", "-o", "other")
    assert done.returncode == 2
    assert "sample.num_chains" in done.stderr
