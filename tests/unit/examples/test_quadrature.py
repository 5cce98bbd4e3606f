"""What the studies integrate and compare with, on functions that can be integrated."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def quadrature(load_example):
    return load_example("quadrature")


def test_grid_integrates_polynomials_and_waves(quadrature):
    line = quadrature.gauss_legendre((-1.0, 0.0), (2.0, 4.0), order=4)
    circle = quadrature.trapezoid(0.0, 2 * np.pi, 9)
    points, weights = quadrature.tensor_grid(line, circle)
    assert points.shape == (8 * 9, 2)
    x, angle = points.T
    assert weights @ (x**6 * np.cos(angle) ** 2) == pytest.approx(
        np.pi * (1 + 4**7 - 2**7) / 7
    )
    assert weights @ np.cos(3 * angle) == pytest.approx(0, abs=1e-12)


def test_nuisances_of_a_linear_model_are_integrated_exactly(quadrature):
    random = np.random.default_rng(3)
    design, data = random.normal(size=(5, 8)), random.normal(size=8)
    points = random.normal(size=(6, 2))

    def residual(theta):
        return theta @ design - data

    found = quadrature.integrate_out(residual, points, np.array([2.0, -1.0, 0.5]))
    # Residuals of least squares, and the determinant of the normal equations.
    q, _ = np.linalg.qr(design[2:].T)
    fixed = points @ design[:2] - data
    left = fixed - (fixed @ q) @ q.T
    exact = -0.5 * (left**2).sum(axis=1)
    np.testing.assert_allclose(found - found[0], exact - exact[0], atol=1e-7)
    constant = (
        1.5 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(design[2:] @ design[2:].T)[1]
    )
    shifts = np.log(1e-4 * np.array([2.0, 1.0, 0.5])).sum()
    assert found[0] + shifts == pytest.approx(exact[0] + constant, abs=1e-6)


def test_moments_of_the_same_points_agree(quadrature):
    x = np.random.default_rng(1).normal(size=(4000, 2))
    x[:, 1] += x[:, 0]
    checks = quadrature.compare_moments(x, x, np.ones(4000), names=("a", "b"), ess=400)
    whats = [check[0] for check in checks]
    assert whats == [
        "mean of a",
        "mean of b",
        "sd of a",
        "sd of b",
        "correlation of a and b",
    ]
    for _, found, error, truth, tolerance in checks:
        assert found == pytest.approx(truth)
        assert 0 < error < tolerance * 1.1
    assert checks[0][2] == pytest.approx(1 / 20, rel=0.05)


def test_moments_tell_a_bias_of_a_tenth(quadrature):
    random = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-5, 5, 81)]), axis=-1).reshape(-1, 2)
    weights = np.exp(-0.5 * (grid**2).sum(axis=1))
    draws = random.normal(size=(20_000, 2)) * [1.0, 1.1] + [0.1, 0.0]
    checks = quadrature.compare_moments(draws, grid, weights, names="ab", ess=20_000)
    agree = {c[0]: abs(c[1] - c[3]) <= c[4] for c in checks}
    assert not agree["mean of a"]
    assert agree["mean of b"]
    assert agree["sd of a"]
    assert not agree["sd of b"]
    assert agree["correlation of a and b"]


def test_means_are_compared_feature_by_feature(quadrature):
    draws = np.array([[0.0], [1.0], [1.0], [1.0]])
    features = {"upper": lambda x: x[:, 0] > 0.5}
    (check,) = quadrature.compare_means(
        features, draws, draws[:2], np.array([1.0, 3.0]), ess=3.0, tolerance=0.1
    )
    assert check == ("upper", 0.75, pytest.approx(0.25), 0.75, 0.1)
