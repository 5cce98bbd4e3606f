"""Importance-weighted estimates of every parameter, with errors that hold."""

import numpy as np
import pytest
from scipy import stats

from flowmc.core.errors import ConfigurationError
from flowmc.results.weighted_statistics import summarize_weighted
from tests.unit.results.builders import make_posterior

NAMES = ("a", "b")
SCALE = np.array([1.0, 2.0])


def scored(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a wide normal law, weighted to N(1, 1) and N(1, 4)."""
    wide = stats.norm(0.0, 4.0)
    theta = wide.rvs(size=(n, 2), random_state=np.random.default_rng(seed))
    target = stats.norm.logpdf(theta, 1.0, SCALE).sum(axis=1)
    return theta, target - wide.logpdf(theta).sum(axis=1)


def test_means_lie_within_their_errors():
    """Of 50 samples: pulls have sd 1, within what 100 pulls scatter by."""
    pulls = []
    for seed in range(50):
        table = summarize_weighted(*scored(seed), names=NAMES).to_dict()
        pulls += [(table[n]["mean"] - 1.0) / table[n]["mcse_mean"] for n in NAMES]
    assert 0.75 < np.std(pulls) < 1.3
    assert abs(np.mean(pulls)) < 0.4


def test_spread_and_quantiles_are_the_targets():
    table = summarize_weighted(*scored(1, n=100_000), names=NAMES).to_dict()
    for name, scale in zip(NAMES, SCALE, strict=True):
        assert table[name]["sd"] == pytest.approx(scale, rel=0.03)
        for key, level in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
            truth = stats.norm.ppf(level, 1.0, scale)
            assert table[name][key] == pytest.approx(truth, abs=0.05 * scale)
        assert np.isnan(table[name]["r_hat"])


def test_a_posterior_tells_both():
    posterior = make_posterior()
    found = posterior.summary(weighted=True)
    assert [row[0] for row in found.rows] == list(posterior.names)
    weight = np.exp(posterior.weighted.log_weight)
    mean = weight @ posterior.weighted.theta / weight.sum()
    assert [row[1] for row in found.rows] == pytest.approx(list(mean))
    assert "nan" in str(found)
    with pytest.raises(ConfigurationError, match="needs scored proposals"):
        make_posterior(weighted=None).summary(weighted=True)
