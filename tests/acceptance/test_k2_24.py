"""The main job against its truth: K2-24 in both modes of use.

Truth by quadrature (`tests/truths/k2_24.py`).  Quantiles, medians and means within 0.1
sd, the sd of the bulk (the plateau at small K2 has 3e-4 of the mass and 43 % of the
variance of logk2), ln Z within 0.05.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import flowmc

ROOT = Path(__file__).parents[2]
PLATEAU_END = -3.0  # in logk2
LEVELS = {"q16": 0.16, "q50": 0.50, "q84": 0.84}


@pytest.fixture(scope="module")
def example():
    """The example's module."""
    path = ROOT / "examples" / "k2_24.py"
    spec = importlib.util.spec_from_file_location("k2_24_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.full
@pytest.mark.parametrize("mode", ["graph_target", "host_target"])
def test_posterior_and_evidence_match_quadrature(example, mode):
    # Twice the default: one visit to the plateau weighs half as much in the mean.
    posterior = flowmc.sample(getattr(example, mode)(), num_draws=2000, seed=24)
    truth = json.loads((ROOT / "tests" / "truths" / "k2_24.json").read_text())
    assert posterior.verdict.ok, posterior.verdict.reasons
    assert abs(posterior.log_evidence - truth["log_evidence"]) < 0.05
    assert posterior.log_evidence_error < 0.02
    assert (posterior.diagnostics.r_hat < 1.01).all()
    flat = posterior.flat()
    for column, name in enumerate(posterior.names):
        expected = truth["parameters"][name]
        sd = expected.get("sd_above_plateau", expected["sd"])
        values = flat[:, column]
        # Of the whole: its sd, plateau included.  Of the bulk: the bulk's.
        assert abs(values.mean() - expected["mean"]) < 0.1 * expected["sd"], name
        if "mean_above_plateau" in expected:
            bulk = values[values > PLATEAU_END].mean()
            assert abs(bulk - expected["mean_above_plateau"]) < 0.1 * sd
        for key, level in LEVELS.items():
            difference = np.quantile(values, level) - expected[key]
            assert abs(difference) < 0.1 * sd, (name, key)


@pytest.mark.full
def test_same_seed_same_draws(example):
    runs = [
        flowmc.sample(example.graph_target(), num_draws=64, num_chains=16, seed=5)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    assert runs[0].log_evidence == runs[1].log_evidence
