"""The K2-24 posterior: both targets are one density, and it has the known evidence."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

ROOT = Path(__file__).parents[3]
NAMES = ("logk1", "logk2", "dvdt", "curv", "jit")


def load(path):
    spec = spec_from_file_location(f"loaded_{path.parent.name}_{path.stem}", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example():
    return load(ROOT / "examples" / "k2_24.py")


@pytest.fixture(scope="module")
def truth():
    return json.loads((ROOT / "tests" / "truths" / "k2_24.json").read_text())


def prior_draws(example, n, seed=0):
    mean, sd, _ = map(np.array, zip(*example.PRIORS.values(), strict=True))
    noise = np.random.default_rng(seed).standard_normal((n, len(NAMES)))
    return mean.astype(float) + sd.astype(float) * noise


def posterior_like_draws(truth, n, seed=0):
    moments = [truth["parameters"][name] for name in NAMES]
    center = np.array([m["q50"] for m in moments])
    scale = np.array([(m["q84"] - m["q16"]) / 2 for m in moments])
    noise = np.random.default_rng(seed).standard_normal((n, len(NAMES)))
    return center + scale * noise


def test_thirty_two_velocities_and_unit_orbits(example):
    velocity, variance, regressors = example.data()
    assert velocity.shape == variance.shape == (32,)
    assert regressors.shape == (4, 32)
    assert np.abs(regressors[:2]).max() <= 1.0 + 3e-4


def test_orbit_starts_at_the_conjunction(example):
    # There the line of sight velocity vanishes but for the eccentricity, and falls.
    period, conjunction = example.ORBITS[0]
    time = conjunction + np.array([0.0, 0.25, 0.5, 1.0]) * period
    wave = example.unit_orbit(time, period=period, conjunction=conjunction)
    np.testing.assert_allclose(wave, [0.0, -1.0, 0.0, 0.0], atol=1e-3)
    assert abs(wave[0] - wave[3]) < 1e-9


def test_host_likelihood_is_the_integral_over_the_zero_point(example):
    velocity, variance, regressors = example.data()
    theta = np.array([[1.4, 1.2, -0.03, 0.002, 2.1]])
    signal = np.array([np.exp(1.4), np.exp(1.2), -0.03, 0.002]) @ regressors
    zero = np.linspace(-40, 40, 20001)
    sd = np.sqrt(variance + 2.1**2)
    logs = stats.norm.logpdf(velocity - signal - zero[:, None], scale=sd).sum(axis=1)
    integral = special.logsumexp(logs) + np.log(zero[1] - zero[0])
    assert example.host_log_likelihood(theta)[0] == pytest.approx(integral, abs=1e-9)


def test_both_likelihoods_agree(example, truth):
    for theta in (prior_draws(example, 2000), posterior_like_draws(truth, 2000)):
        host = example.host_log_likelihood(theta)
        graph = example.graph_log_likelihood(theta).numpy()
        assert np.isfinite(host).all()
        np.testing.assert_allclose(graph, host, rtol=1e-12, atol=1e-9)


def test_both_targets_agree(example, truth):
    host, graph = example.host_target(), example.graph_target()
    assert host.backend == "numpy"
    assert graph.backend == "tensorflow"
    assert tuple(host.names) == tuple(graph.names) == NAMES
    theta = posterior_like_draws(truth, 500)
    for name in ("log_prior", "log_likelihood", "log_prob"):
        ours, theirs = getattr(host, name)(theta), getattr(graph, name)(theta)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-9)


def test_evidence_and_moments_by_importance_sampling(example, truth):
    """One adaptive round on the NumPy likelihood, against the quadrature."""
    mean, sd, _ = map(np.array, zip(*example.PRIORS.values(), strict=True))
    prior = stats.norm(mean.astype(float), sd.astype(float))

    def weigh(proposal, n, seed):
        theta = proposal.rvs(n, random_state=np.random.default_rng(seed))
        log_prob = example.host_log_likelihood(theta) + prior.logpdf(theta).sum(axis=1)
        return theta, log_prob - proposal.logpdf(theta)

    def moments(theta, log_weight):
        weight = special.softmax(log_weight)
        center = weight @ theta
        return weight, center, np.cov(theta.T, aweights=weight, ddof=0)

    guess = posterior_like_draws(truth, 20_000)
    rough = stats.multivariate_t(guess.mean(axis=0), 2 * np.cov(guess.T), df=5)
    theta, log_weight = weigh(rough, 40_000, 1)
    _, center, covariance = moments(theta, log_weight)
    fine = stats.multivariate_t(center, covariance, df=5)
    theta, log_weight = weigh(fine, 100_000, 2)
    weight, center, covariance = moments(theta, log_weight)

    log_evidence = special.logsumexp(log_weight) - np.log(len(theta))
    error = np.sqrt(np.sum(weight**2) - 1 / len(theta))
    assert error < 0.005
    assert abs(log_evidence - truth["log_evidence"]) < 0.01
    assert truth["log_evidence"] == pytest.approx(-103.3455, abs=1e-4)
    size = 1 / np.sum(weight**2)
    for index, name in enumerate(NAMES):
        exact = truth["parameters"][name]
        # A few draws in the plateau of logk2 carry much of its mean's error.
        tolerance = 6 * exact["sd"] / np.sqrt(size)
        assert abs(center[index] - exact["mean"]) < tolerance, name
        order = np.argsort(theta[:, index])
        cumulative = np.cumsum(weight[order])
        for key in ("q16", "q50", "q84"):
            found = theta[order[np.searchsorted(cumulative, int(key[1:]) / 100)], index]
            assert abs(found - exact[key]) < 10 * exact["sd"] / np.sqrt(size), name


def test_truth_is_reproduced_by_its_script(truth):
    script = load(ROOT / "tests" / "truths" / "k2_24.py")
    found = script.compute_truth(order=10)
    assert found["log_evidence"] == pytest.approx(truth["log_evidence"], abs=1e-6)
    for name, exact in truth["parameters"].items():
        for key, value in found["parameters"][name].items():
            assert value == pytest.approx(exact[key], abs=1e-4 * exact["sd"]), name


def test_missing_data_names_the_command(example, monkeypatch, tmp_path):
    monkeypatch.setattr(example.sysconfig, "get_path", lambda _: str(tmp_path))
    example.data.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match="pip install --no-deps radvel"):
            example.data()
    finally:
        example.data.cache_clear()


def test_definition_fits_on_a_page():
    assert len((ROOT / "examples" / "k2_24.py").read_text().splitlines()) <= 120
