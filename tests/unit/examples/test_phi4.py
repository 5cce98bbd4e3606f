"""The lattice action site by site, its free field, and autocorrelation times."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from flowmc.targets.known_lattice import phi_four_chain
from tests.architecture.source import ROOT


@pytest.fixture(scope="module")
def example(load_example):
    return load_example("phi4")


@pytest.fixture(scope="module")
def lattice(load_example):
    return load_example("lattice")


def grid(phi, size):
    """The field `[size, size]`: row by row, there and back."""
    rows = np.array(phi).reshape(size, size)
    return np.array([row[::-1] if i % 2 else row for i, row in enumerate(rows)])


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
def test_action_is_the_sum_over_sites(example, lattice, size):
    phi = np.random.default_rng(1).normal(size=(3, size**2))
    log_prob = example.lattice_target(size).log_prob(phi)
    numbers = lattice.MASS_SQUARED, lattice.COUPLING[size]
    expected = [-action(grid(row, size), *numbers) for row in phi]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_even_places_are_the_white_squares(lattice):
    rows, columns = np.indices((8, 8))
    np.testing.assert_array_equal(lattice.places(8) % 2, (rows + columns) % 2)
    assert sorted(lattice.places(8).ravel()) == list(range(64))


def test_equation_of_motion_is_phi_times_the_gradient(lattice):
    phi = tf.constant(np.random.default_rng(2).normal(size=(4, 64)))
    with tf.GradientTape() as tape:
        tape.watch(phi)
        energy = -lattice.log_density(phi, 8)
    slope = tf.reduce_mean(phi * tape.gradient(energy, phi), axis=1)
    np.testing.assert_allclose(lattice.motion(phi.numpy(), 8), slope, rtol=1e-12)


def test_free_field_is_the_gaussian_of_its_action(lattice):
    precision = np.linalg.inv(lattice.free_covariance(8))
    phi = np.random.default_rng(3).normal(size=64)
    expected = action(grid(phi, 8), lattice.FREE_MASS_SQUARED, 0.0)
    assert phi @ precision @ phi / 2 == pytest.approx(expected)


def test_symmetries_change_the_field_and_not_the_action(lattice):
    phi = np.tile(np.random.default_rng(6).normal(size=64), (2000, 1))
    found = lattice.turned(phi, 8, seed=1)
    density = lattice.log_density(found, 8).numpy()
    np.testing.assert_allclose(density, density[0], rtol=1e-12)
    np.testing.assert_allclose(np.sort(abs(found)), np.sort(abs(phi)), rtol=1e-15)
    # 64 shifts, 8 reflections and exchanges, 2 signs: 1024, most of them met.
    assert 750 < len(np.unique(found.round(12), axis=0)) <= 1024


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_a_known_process(lattice, correlation):
    rng, exact = np.random.default_rng(4), (1 + correlation) / (1 - correlation)
    pulls = []
    for _ in range(60):
        noise = rng.normal(size=(2200, 16))
        series = signal.lfilter([1.0], [1.0, -correlation], noise, axis=0)[200:]
        time, error = lattice.autocorrelation_time(series)
        pulls.append((time - exact) / error)
    # The window leaves out some per cent, less than a single run's error.
    assert abs(np.mean(pulls)) < 0.5
    assert 0.6 < np.std(pulls) < 1.4


def test_series_shorter_than_its_memory_has_a_large_error(lattice):
    """No window is wide enough; the time must not look short because of that."""
    steps = np.random.default_rng(5).normal(size=(200, 16))
    time, error = lattice.autocorrelation_time(np.cumsum(steps, axis=0))
    assert time < 0 or time > 20
    assert error > 1


def test_mean_and_error_of_a_known_process(lattice):
    rng, pulls = np.random.default_rng(7), []
    for _ in range(60):
        noise = rng.normal(size=(2200, 16))
        series = signal.lfilter([1.0], [1.0, -0.8], noise, axis=0)[200:]
        mean, error = lattice.mean_and_error(series)
        pulls.append(mean / error)
    assert 0.75 < np.std(pulls) < 1.3


def test_chain_has_its_prior_and_its_exact_weight(example):
    target = example.graph_target()
    exact = phi_four_chain(example.SITES, field=example.FIELD)
    assert target.can_sample_prior
    assert target.event_size == exact.event_size == example.SITES
    assert 0.1 < exact.upper_weight < 0.4


@pytest.mark.parametrize("name", ["phi4", "lattice"])
def test_study_fits_on_a_page(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= 120
