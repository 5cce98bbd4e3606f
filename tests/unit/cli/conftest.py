"""A made-up posterior, a made-up target and a configuration that names it."""

import numpy as np
import pytest

import flowmc
from flowmc.core.records import Cost, History, WindowRecord
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import judge

NAMES = ("mass", "spin")
CONFIG = """
[target]
posterior = "line.py:line"

[sample]
num_draws = 200
num_chains = 4
seed = 3

[output]
arviz = false
plots = false
report = false
"""
LINE = """
import flowmc


def line(slope=1.0):
    return flowmc.Target(slope)


def broken():
    raise RuntimeError("no data")


def number():
    return 3


ready = flowmc.Target(2.0)
constant = 3
"""


class FakeTarget:
    """Stands for `flowmc.Target` where only its type and a few members matter."""

    names = NAMES
    event_size = len(NAMES)
    backend = "numpy"
    has_prior = True
    bounds = np.full((len(NAMES), 2), [-np.inf, np.inf])

    def __init__(self, slope):
        self.slope = slope

    def sample_prior(self, n, *, seed):
        return np.random.default_rng(list(map(abs, seed))).standard_normal((n, 2))

    def log_prob(self, theta):
        return -0.5 * self.slope * np.sum(np.asarray(theta) ** 2, axis=1)


def build_posterior(*, good=True, num_draws=400):
    generator = np.random.default_rng(5)
    theta = generator.standard_normal((num_draws, 4, 2)) * [1.0, 0.1] + [3.0, 0.5]
    reasons = () if good else ("R-hat must be below 1.01; it is 1.2.",)
    diagnostics = compute_diagnostics(
        theta,
        names=NAMES,
        acceptance={"independence": 0.6},
        mode_report={"notes": ["Groups agree."]},
    )
    steps = np.arange(10, 60, 10)
    training = History(steps, 3.0 / steps, 3.1 / steps, 50, 0.06, "All steps done.")
    return Posterior(
        theta=theta,
        log_prob=-0.5 * np.sum(theta**2, axis=-1),
        names=NAMES,
        labels=("$m$", r"\chi"),
        diagnostics=diagnostics,
        verdict=judge(diagnostics, extra_reasons=reasons),
        derived={"energy": theta[:, :, 0] ** 2},
        log_evidence=-12.5,
        log_evidence_error=0.01,
        evidence={"importance": (-12.5, 0.01), "bridge": (-12.51, 0.02)},
        history=(WindowRecord("warmup 1", "maf", 50, {}, training=training),),
        cost=Cost(1200, 300, {"compile": 1.0, "train": 2.0, "total": 4.5}),
    )


@pytest.fixture
def posterior():
    return build_posterior()


@pytest.fixture
def bad_posterior():
    return build_posterior(good=False)


@pytest.fixture
def fake_target(monkeypatch):
    monkeypatch.setitem(vars(flowmc), "Target", FakeTarget)
    return FakeTarget


@pytest.fixture
def config_file(tmp_path, monkeypatch, fake_target):
    """A configuration beside `line.py`, the file that defines its target."""
    import sys

    folder = tmp_path / "my runs"
    folder.mkdir()
    (folder / "line.py").write_text(LINE)
    path = folder / "line.toml"
    path.write_text(CONFIG)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield path
    sys.modules.pop("line", None)
