"""The Keplerian orbits of HD 164922, and the likelihood without its zero points."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from tests.architecture.source import ROOT

ORBIT = np.array([1201.1, 1.97, -0.2, 0.1, -0.38])
SECOND = np.array([75.765, 0.8, -0.3, 0.4, 0.94])
NOISE = np.array([0.9, 1.0, 0.1])
THETA = np.concatenate([ORBIT, SECOND, NOISE])


@pytest.fixture(scope="module")
def example(load_example):
    return load_example("hd_164922")


@pytest.fixture(scope="module")
def physics(load_example):
    return load_example("keplerian")


def velocity_by_bisection(time, period, log_k, x, y, longitude):
    """Solve Kepler's equation by bisection, and go over half the true anomaly."""
    e, w = x**2 + y**2, np.arctan2(y, x)
    mean = np.mod(2 * np.pi * time / period + longitude - w + np.pi, 2 * np.pi) - np.pi
    anomaly = optimize.brentq(lambda a: a - e * np.sin(a) - mean, -4.0, 4.0, xtol=1e-13)
    true = 2 * np.arctan(np.sqrt((1 + e) / (1 - e)) * np.tan(anomaly / 2))
    return np.exp(log_k) * (np.cos(true + w) + e * np.cos(w))


def test_four_hundred_and_one_velocities_of_three_instruments(physics):
    time, velocity, variance, own = physics.data()
    assert time.shape == velocity.shape == variance.shape == (401,)
    assert own.sum(axis=1).tolist() == [52, 276, 73]
    assert np.all(own.sum(axis=0) == 1)
    assert variance.min() > 0


@pytest.mark.parametrize("eccentricity", [0.0, 0.05, 0.5, 0.89])
def test_orbit_solves_keplers_equation(physics, eccentricity):
    times = np.linspace(-3000.0, 3000.0, 101)
    for turn in (0.3, 2.5, -1.8):
        x, y = eccentricity**0.5 * np.array([np.cos(turn), np.sin(turn)])
        theta = (75.8, 0.7, x, y, -0.4)
        exact = [velocity_by_bisection(time, *theta) for time in times]
        found = physics.orbits(times, np.array(theta))
        np.testing.assert_allclose(found, exact, atol=1e-9)


def test_likelihood_is_the_integral_over_the_zero_points(physics):
    time, velocity, variance, own = physics.data()
    model = sum(
        np.array([velocity_by_bisection(t, *orbit) for t in time])
        for orbit in (ORBIT, SECOND)
    )
    zero = np.linspace(-30, 30, 6001)
    total = 0.0
    for used, jitter in zip(own.astype(bool), NOISE, strict=True):
        residual = (velocity - model)[used] - zero[:, None]
        sd = np.sqrt(variance[used] + np.exp(2 * jitter))
        logs = stats.norm.logpdf(residual, scale=sd).sum(axis=1)
        total += special.logsumexp(logs) + np.log(zero[1] - zero[0])
    found = float(physics.log_likelihood(THETA[None])[0])
    assert found == pytest.approx(total, abs=1e-7)


def test_evidence_without_planets_is_the_product_of_the_instruments(example, physics):
    """Each with its own integrals over zero point and jitter, by another rule."""
    _, velocity, variance, own = physics.data()
    log_jitter = np.linspace(-1.5, 3.5, 801)[:, None]
    total = 0.0
    for used in own.astype(bool):
        weight = 1 / (variance[used] + np.exp(2 * log_jitter))
        whole = weight.sum(axis=1)
        mean = (weight @ velocity[used]) / whole
        chi2 = (weight * (velocity[used] - mean[:, None]) ** 2).sum(axis=1)
        logs = 0.5 * np.log(weight / (2 * np.pi)).sum(axis=1) - 0.5 * chi2
        logs += 0.5 * np.log(2 * np.pi / whole)
        logs += stats.norm.logpdf(log_jitter[:, 0], np.log(2.0), 0.5)
        total += special.logsumexp(logs) + np.log(log_jitter[1, 0] - log_jitter[0, 0])
    assert example.evidence_of_none() == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("num_planets", [1, 2])
def test_gradient_is_that_of_the_value(example, num_planets):
    target = example.graph_target(num_planets)
    theta = THETA if num_planets == 2 else np.delete(THETA, range(5, 10))
    value, gradient = target.value_and_gradient(theta)
    step = 1e-5 * np.eye(theta.size)
    ends = [target.log_prob(theta + sign * step) for sign in (1, -1)]
    np.testing.assert_allclose(
        gradient, (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-4
    )
    assert value == pytest.approx(target.log_prob(theta))


def test_prior_of_the_eccentricity_is_exponential(example):
    draws = example.graph_target(1).sample_prior(20_000, seed=3)
    eccentricity = np.sum(draws[:, 2:4] ** 2, axis=1)
    found = stats.kstest(eccentricity, stats.expon(scale=2 * 0.35**2).cdf)
    assert found.pvalue > 1e-3


def test_orbit_does_not_fail_beyond_the_largest_eccentricity(example):
    far = THETA.copy()
    far[7:9] = 1.5, 0.8
    assert np.isfinite(example.graph_target().log_prob(far))


def test_missing_data_names_the_command(physics, monkeypatch, tmp_path):
    monkeypatch.setattr(physics.sysconfig, "get_path", lambda _: str(tmp_path))
    physics.data.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match="pip install --no-deps radvel"):
            physics.data()
    finally:
        physics.data.cache_clear()


@pytest.mark.parametrize("name", ["hd_164922", "keplerian"])
def test_study_fits_on_a_page(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= 120
