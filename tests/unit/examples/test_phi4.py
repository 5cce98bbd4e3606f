"""The lattice action site by site, its free field, and autocorrelation times."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from flowmc.targets.known_lattice import phi_four_chain
from tests.architecture.source import ROOT


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        return importlib.import_module("phi4")
    finally:
        sys.path.pop(0)


def action(field, mass_squared, coupling):
    """Sum over sites and their neighbours, as the definition says."""
    size, total = len(field), 0.0
    for i in range(size):
        for j in range(size):
            phi = field[i, j]
            total += mass_squared * phi**2 + coupling * phi**4
            for near in (
                field[(i + 1) % size, j],
                field[i - 1, j],
                field[i, (j + 1) % size],
                field[i, j - 1],
            ):
                total += phi * (phi - near)
    return total


@pytest.mark.parametrize("size", [8, 16])
def test_action_is_the_sum_over_sites(example, size):
    phi = np.random.default_rng(1).normal(size=(3, size**2))
    log_prob = example.lattice_target(size).log_prob(phi)
    coupling = example.COUPLING[size]
    expected = [
        -action(row.reshape(size, size), example.MASS_SQUARED, coupling) for row in phi
    ]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_equation_of_motion_is_phi_times_the_gradient(example):
    phi = tf.constant(np.random.default_rng(2).normal(size=(4, 64)))
    with tf.GradientTape() as tape:
        tape.watch(phi)
        quadratic, quartic = example.parts(phi, 8)
        energy = quadratic + example.COUPLING[8] * quartic
    slope = tape.gradient(energy, phi)
    np.testing.assert_allclose(
        tf.reduce_sum(phi * slope, axis=1),
        2 * quadratic + 4 * example.COUPLING[8] * quartic,
        rtol=1e-12,
    )


def test_free_field_is_the_gaussian_of_its_action(example):
    precision = np.linalg.inv(example.free_covariance(8))
    phi = np.random.default_rng(3).normal(size=64)
    expected = action(phi.reshape(8, 8), example.FREE_MASS_SQUARED, 0.0)
    assert phi @ precision @ phi / 2 == pytest.approx(expected)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_a_known_process(example, correlation):
    rng, exact = np.random.default_rng(4), (1 + correlation) / (1 - correlation)
    pulls = []
    for _ in range(60):
        noise = rng.normal(size=(2200, 16))
        series = signal.lfilter([1.0], [1.0, -correlation], noise, axis=0)[200:]
        time, error = example.autocorrelation_time(series)
        pulls.append((time - exact) / error)
    # The window leaves out some per cent, less than a single run's error.
    assert abs(np.mean(pulls)) < 0.5
    assert 0.6 < np.std(pulls) < 1.4


def test_series_shorter_than_its_memory_has_a_large_error(example):
    """No window is wide enough; the time must not look short because of that."""
    steps = np.random.default_rng(5).normal(size=(200, 16))
    time, error = example.autocorrelation_time(np.cumsum(steps, axis=0))
    assert time < 0 or time > 20
    assert error > 1


def test_chain_has_its_prior_and_its_exact_weight(example):
    target = example.graph_target()
    exact = phi_four_chain(example.SITES, field=example.FIELD)
    assert target.can_sample_prior
    assert target.event_size == exact.event_size == example.SITES
    assert 0.1 < exact.upper_weight < 0.4


def test_study_fits_on_a_page():
    assert len((ROOT / "examples" / "phi4.py").read_text().splitlines()) <= 120
