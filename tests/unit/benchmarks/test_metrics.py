"""The yardstick: exact draws are worth their number; bias and lost modes cost."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from flowmc import targets

ROOT = Path(__file__).parents[3]


def load(path):
    spec = spec_from_file_location(f"loaded_{path.parent.name}_{path.stem}", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def metrics():
    return load(ROOT / "benchmarks" / "metrics.py")


@pytest.fixture(scope="module")
def law():
    return targets.two_gaussians(3)


@pytest.fixture(scope="module")
def yardstick(metrics, law):
    return metrics.Yardstick(law, quick=True)


@pytest.mark.parametrize("number", [100, 1000, 10_000])
def test_exact_draws_are_worth_their_number(metrics, yardstick, law, number):
    # Medians of five: a single sample scatters by a factor of two.
    found = [
        metrics.iid_equivalent(law.sample(number, seed=seed), yardstick)
        for seed in range(5)
    ]
    assert number / 2 < np.median(found) < 2 * number


def test_lost_mode_is_worth_next_to_nothing(yardstick, law):
    draws = law.sample(20_000, seed=0)
    assert yardstick.equivalent(draws[draws.mean(axis=1) < 0.0]) < 10


def test_bias_of_a_tenth_of_a_sd_costs_nearly_all(yardstick, law):
    draws = law.sample(20_000, seed=0)
    assert yardstick.equivalent(draws + 0.1 * draws.std(axis=0)) < 500


def test_repeated_draws_add_nothing(yardstick, law):
    draws = law.sample(300, seed=3)
    assert yardstick.equivalent(np.repeat(draws, 50, axis=0)) == pytest.approx(
        yardstick.equivalent(draws), rel=0.2
    )


def test_weights_repair_wrong_proportions(yardstick, law):
    draws = law.sample(40_000, seed=1)
    is_upper = draws.mean(axis=1) > 0.0
    kept = ~is_upper | (np.arange(len(draws)) % 4 == 0)
    weights = np.where(is_upper, 4.0, 1.0)[kept]
    assert yardstick.equivalent(draws[kept]) < 50
    assert yardstick.equivalent(draws[kept], weights) > 1000


def test_interleaved_chains_are_all_looked_at(yardstick, law):
    # 120,000 draws are more than are used; every second chain sits in one mode.
    draws = law.sample(240_000, seed=2)
    upper, lower = (draws[draws.mean(axis=1) * s > 0.0][:60_000] for s in (1, -1))
    half = yardstick.equivalent(np.stack([upper, lower], axis=1).reshape(-1, 3))
    mixed = yardstick.equivalent(np.concatenate([upper, lower]))
    assert half == pytest.approx(mixed, rel=0.3)


def test_curve_is_kept_and_not_taken_for_another_law(
    metrics, law, tmp_path, monkeypatch
):
    monkeypatch.setattr(metrics, "SIZES", (10, 100, 400))
    cache = tmp_path / "curve.json"
    first = metrics.Yardstick(law, quick=True, cache=cache)
    stored = json.loads(cache.read_text())
    stored["curve"] = [2.0 * value for value in stored["curve"]]
    cache.write_text(json.dumps(stored))
    again = metrics.Yardstick(law, quick=True, cache=cache)
    assert again.worth(0.1) > first.worth(0.1)
    other = metrics.Yardstick(targets.two_gaussians(2), quick=True, cache=cache)
    assert other.worth(1e-9) == pytest.approx(400.0)
    assert json.loads(cache.read_text())["key"]["event_size"] == 2


def test_numbers_are_spelled_with_their_limit(metrics):
    assert [metrics.spell(x) for x in (1.24, 987.4, 15_000.0)] == [
        "1.2",
        "987",
        ">15,000",
    ]
