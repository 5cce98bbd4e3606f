"""The Student-t fit does not mind outliers, copies or too few draws."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.transforms import fit_affine, fit_student

FACTOR = np.array([[1.0, 0.0], [-2.0, 0.7]])
LOCATION = np.array([5.0, -1.0])


def student_draws(n, nu, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 2)) @ FACTOR.T
    return LOCATION + z / np.sqrt(rng.chisquare(nu, size=(n, 1)) / nu)


@pytest.mark.parametrize("nu", [1.0, 2.0, 5.0])
def test_recovers_location_and_scatter(nu):
    fit = fit_student(student_draws(40_000, nu), degrees_of_freedom=nu)
    np.testing.assert_allclose(fit.location, LOCATION, atol=0.05)
    scatter = fit.scale_tril @ fit.scale_tril.T
    np.testing.assert_allclose(scatter, FACTOR @ FACTOR.T, rtol=0.05)
    assert fit.note == ""


def test_the_fit_is_a_maximum_of_the_likelihood():
    x, nu = student_draws(500, 3.0), 3.0
    fit = fit_student(x, degrees_of_freedom=nu)

    def log_likelihood(location, factor):
        z = np.linalg.solve(factor, (x - location).T)
        density = -0.5 * (nu + 2.0) * np.log1p(np.sum(z**2, axis=0) / nu)
        return np.sum(density - np.log(np.abs(np.diag(factor))).sum())

    best = log_likelihood(fit.location, fit.scale_tril)
    rng = np.random.default_rng(1)
    for _ in range(20):
        shift = 1e-2 * rng.standard_normal(2)
        bend = np.tril(1e-2 * rng.standard_normal((2, 2)))
        assert log_likelihood(fit.location + shift, fit.scale_tril + bend) < best


def test_outliers_hardly_move_it():
    x = np.random.default_rng(2).standard_normal((1000, 2))
    clean = fit_student(x)
    x[:20] += 1e6
    dirty = fit_student(x)
    np.testing.assert_allclose(dirty.location, clean.location, atol=0.1)
    np.testing.assert_allclose(dirty.scale_tril, clean.scale_tril, atol=0.1)
    assert fit_affine(x).scale_tril[0, 0] > 1e5


def test_weights_mean_repetition():
    x = student_draws(400, 3.0)
    counts = np.random.default_rng(3).integers(0, 3, size=400)
    weighted = fit_student(x, counts)
    repeated = fit_student(np.repeat(x, counts, axis=0))
    np.testing.assert_allclose(weighted.location, repeated.location, atol=1e-5)
    np.testing.assert_allclose(weighted.scale_tril, repeated.scale_tril, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_any_unit(unit):
    plain = fit_student(student_draws(300, 2.0))
    scaled = fit_student(student_draws(300, 2.0) * unit)
    np.testing.assert_allclose(scaled.scale_tril, plain.scale_tril * unit, rtol=1e-6)


@pytest.mark.parametrize(
    "x",
    [
        np.ones((5, 3)),
        np.zeros((1, 2)),
        np.random.default_rng(4).standard_normal((3, 6)),
        np.r_[np.ones((50, 2)), np.random.default_rng(5).standard_normal((20, 2))],
        np.c_[np.ones(50), np.random.default_rng(6).standard_normal(50)],
    ],
    ids=["copies", "one", "few", "mostly copies", "one constant"],
)
def test_poor_draws_give_a_usable_fit(x):
    fit = fit_student(x)
    assert np.isfinite(fit.location).all()
    assert np.isfinite(np.linalg.inv(fit.scale_tril)).all()
    assert np.all(np.diag(fit.scale_tril) > 0.0)


def test_errors():
    with pytest.raises(ConfigurationError, match="degrees_of_freedom"):
        fit_student(np.zeros((3, 2)), degrees_of_freedom=0.0)
    with pytest.raises(ConfigurationError, match="finite"):
        fit_student([[np.inf, 0.0]])
