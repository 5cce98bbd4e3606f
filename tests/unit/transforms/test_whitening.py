"""Affine fits: right where draws are many, safe where they are few."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.transforms import fit_affine
from flowmc.transforms.whitening import shrunk_cholesky

FACTOR = np.array([[1.0, 0.0, 0.0], [1.8, 0.5, 0.0], [-0.3, 0.2, 4.0]])
LOCATION = np.array([3.0, -2.0, 10.0])


def draws(n, seed=0):
    z = np.random.default_rng(seed).standard_normal((n, 3))
    return LOCATION + z @ FACTOR.T


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_recovers_a_normal_in_any_unit(unit):
    fit = fit_affine(draws(40_000) * unit)
    scale = np.sqrt(np.diag(FACTOR @ FACTOR.T)) * unit
    np.testing.assert_allclose(
        (fit.location - LOCATION * unit) / scale, 0.0, atol=4.0 / np.sqrt(40_000)
    )
    covariance = fit.scale_tril @ (fit.scale_tril / unit).T / unit
    np.testing.assert_allclose(covariance, FACTOR @ FACTOR.T, rtol=0.05, atol=0.1)
    assert fit.note == ""


def test_units_may_differ_by_sixty_orders():
    units = np.array([1e-30, 1.0, 1e30])
    plain = fit_affine(draws(1000))
    scaled = fit_affine(draws(1000) * units)
    np.testing.assert_allclose(scaled.location, plain.location * units, rtol=1e-10)
    np.testing.assert_allclose(
        scaled.scale_tril, plain.scale_tril * units[:, None], rtol=1e-8, atol=0.0
    )


def test_a_far_offset_keeps_its_round_trip():
    x = draws(2000) + 1e10
    fit = fit_affine(x)
    z = np.linalg.solve(fit.scale_tril, (x - fit.location).T).T
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-2)


def test_weights_mean_repetition():
    x = draws(500)
    counts = np.random.default_rng(1).integers(0, 4, size=500)
    weighted = fit_affine(x, counts)
    repeated = fit_affine(np.repeat(x, counts, axis=0))
    np.testing.assert_allclose(weighted.location, repeated.location, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale_tril, repeated.scale_tril, rtol=2e-2)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_fewer_draws_than_dimensions(n):
    x = np.random.default_rng(3).standard_normal((n, 6))
    fit = fit_affine(x)
    assert np.isfinite(fit.scale_tril).all()
    assert np.all(np.diag(fit.scale_tril) > 0.0)
    assert "shrunk" in fit.note
    assert f"{n} effective draws in 6 dimensions" in fit.note


def test_duplicates_only():
    fit = fit_affine(np.tile([2.0, 0.0], (50, 1)))
    np.testing.assert_array_equal(fit.location, [2.0, 0.0])
    np.testing.assert_allclose(fit.scale_tril, np.diag([2e-3, 1.0]))
    assert "do not vary" in fit.note


def test_a_plane_is_lifted_slightly():
    x = draws(5000)
    x[:, 2] = x[:, 0] + x[:, 1]
    fit = fit_affine(x)
    assert np.isfinite(np.linalg.inv(fit.scale_tril)).all()
    assert "lie in a plane" in fit.note
    covariance = fit.scale_tril @ fit.scale_tril.T
    np.testing.assert_allclose(covariance, np.cov(x.T), rtol=1e-3)


def test_strong_correlation_is_no_plane():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1000, 2))
    x[:, 1] = x[:, 0] + 1e-4 * x[:, 1]
    fit = fit_affine(x)
    assert fit.note == ""
    z = np.linalg.solve(fit.scale_tril, (x - fit.location).T)
    np.testing.assert_allclose(np.cov(z), np.eye(2), atol=1e-3)


def test_arguments_are_not_written_to():
    x, weights = draws(20), np.ones(20)
    before = x.copy()
    fit_affine(x, weights)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(weights, np.ones(20))


def test_shrunk_cholesky_of_plenty_is_plain():
    covariance = np.array([[1.0, 0.5], [0.5, 1.0]])
    factor, note = shrunk_cholesky(covariance, num_effective=1000.0)
    np.testing.assert_allclose(factor, np.linalg.cholesky(covariance))
    assert note == ""


@pytest.mark.parametrize(
    ("x", "weights", "text"),
    [
        (np.zeros((0, 2)), None, "must hold a draw"),
        (np.zeros(3), None, "shape"),
        ([[0.0, np.nan]], None, "finite"),
        ([[0.0, 1.0]], [-1.0], "non-negative"),
        ([[0.0, 1.0]], [0.0], "not all zero"),
        ([[0.0, 1.0]], [1.0, 1.0], "1 non-negative numbers"),
    ],
)
def test_errors(x, weights, text):
    with pytest.raises(ConfigurationError, match=text):
        fit_affine(x, weights)
