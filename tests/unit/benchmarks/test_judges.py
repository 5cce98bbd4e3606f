"""The judges of the samplers' benchmark: exact draws pass, wrong ones do not."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from flowmc import targets

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def judges():
    path = ROOT / "benchmarks" / "samplers_judges.py"
    spec = spec_from_file_location("loaded_benchmarks_samplers_judges", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_run(judges):
    def make(flat, *, ok=True, reasons=(), iid=5000.0):
        theta = flat.reshape(-1, 64, flat.shape[-1])
        return judges.Outcome(theta, iid, 90_000, 0, 5, ok, tuple(reasons))

    return make


def failing(checks, field="met"):
    return [check.name for check in checks if getattr(check, field) is False]


def test_exact_draws_of_the_mixture_pass(judges, make_run):
    draws = targets.two_gaussians(10).sample(64_000, seed=0)
    assert not failing(judges.mixture(make_run(draws)))


def test_wrong_weight_fails_and_is_wrong_only_beyond_400_draws(judges, make_run):
    draws = targets.two_gaussians(10).sample(64_000, seed=0)
    is_upper = draws.mean(axis=1) > 0.0
    order = np.argsort(~is_upper, kind="stable")
    slightly = np.where((np.arange(64_000) < 2500)[:, None], draws[order[0]], draws)
    assert failing(judges.mixture(make_run(slightly))) == ["weight"]
    assert not failing(judges.mixture(make_run(slightly)), "right")
    lower = draws[~is_upper][:38_400]
    assert "weight" in failing(judges.mixture(make_run(lower)), "right")


def test_one_mode_must_be_told(judges, make_run):
    draws = targets.two_gaussians(10).sample(64_000, seed=0)
    lower = draws[draws.mean(axis=1) < 0.0][:38_400]
    assert failing(judges.one_mode(make_run(lower)))
    alarm = ["Modes outside the starting region were not looked for."]
    assert not failing(judges.one_mode(make_run(lower, ok=False, reasons=alarm)))


def test_exact_draws_of_the_funnel_pass(judges, make_run):
    draws = targets.funnel(10).sample(256_000, seed=1)
    assert not failing(judges.funnel(make_run(draws)))
    narrow = draws * np.array([0.8] + [1.0] * 9)
    assert "sd(v)" in failing(judges.funnel(make_run(narrow)), "right")


def test_exact_draws_of_the_t_pass(judges, make_run):
    truth = targets.student_t(10, degrees_of_freedom=2.5)
    scale = truth.standard_deviation * np.sqrt(0.5 / 2.5)
    options = {"location": truth.mean, "scale": scale, "degrees": 2.5}
    draws = truth.sample(640_000, seed=2)
    assert not failing(judges.heavy_tails(make_run(draws), **options))
    thin = truth.mean + 0.7 * (draws - truth.mean)
    assert "1/99 % quantiles" in failing(judges.heavy_tails(make_run(thin), **options))
