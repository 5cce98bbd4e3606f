"""Evolving dark energy: distances against adaptive quadrature, and both targets."""

import numpy as np
import pytest
from scipy import integrate

LIGHT = 299792.458  # km/s
PHOTONS = 2.4728e-5  # Omega h^2 at 2.7255 K
PLANCK = [-1.0, 0.0, 67.36, 0.02237, 0.1200 + 0.02237]  # arXiv:1807.06209, table 2
NEAR = [-0.43, -1.71, 63.8, 0.0222, 0.1418]
POINTS = [
    PLANCK,
    NEAR,
    [-0.9, 0.3, 72.0, 0.0225, 0.145],
    [0.2, -2.9, 60.0, 0.022, 0.14],
]


@pytest.fixture(scope="module")
def example(load_example):
    return load_example("dark_energy")


def neutrino_energy(a):
    """Of one species of 0.06 eV over that of a massless one, by Fermi and Dirac."""
    temperature = 2.7255 * (4 / 11) ** (1 / 3) * 8.617333e-5 * (3.044 / 3) ** 0.25  # eV
    mass = 0.06 * a / temperature

    def energy(q):
        return q**2 * np.sqrt(q**2 + mass**2) / (np.exp(q) + 1)

    return integrate.quad(energy, 0, 60)[0] / (7 * np.pi**4 / 120)


def hubble(a, theta):
    """H in km/s/Mpc, from the densities themselves."""
    w0, wa, H0, _, obc = theta
    one_massless = 7 / 8 * (4 / 11) ** (4 / 3) * 3.044 / 3

    def rest(a):
        neutrinos = one_massless * (2 + neutrino_energy(a))
        return obc * a**-3 + PHOTONS * (1 + neutrinos) * a**-4

    evolution = a ** (-3 * (1 + w0 + wa)) * np.exp(-3 * wa * (1 - a))
    return 100 * np.sqrt(rest(a) + ((H0 / 100) ** 2 - rest(1.0)) * evolution)


def comoving(z, theta):
    """Comoving distance in Mpc, over ln(1 + z)."""

    def rate(x):
        return np.exp(x) / hubble(np.exp(-x), theta)

    return LIGHT * integrate.quad(rate, 0, np.log1p(z), epsrel=1e-7)[0]


def sound_horizon(z, theta):
    """Comoving sound horizon at z in Mpc, over the scale factor."""
    ratio = 0.75 * theta[3] / PHOTONS

    def rate(a):
        return 1 / (a**2 * hubble(a, theta) * np.sqrt(3 * (1 + ratio * a)))

    return LIGHT * integrate.quad(rate, 1e-9, 1 / (1 + z), epsrel=1e-7)[0]


def predictions(example, theta):
    residual = example.residuals(np.array([theta]))
    return (residual @ np.linalg.inv(example.WHITEN))[0] + example.DATA


def test_data_are_thirteen_distances_and_three_numbers(example):
    assert example.DATA.shape == (16,)
    assert example.COVARIANCE.shape == (16, 16)
    np.testing.assert_array_equal(example.COVARIANCE, example.COVARIANCE.T)
    assert np.linalg.eigvalsh(example.COVARIANCE).min() > 0
    correlation = example.COVARIANCE[range(1, 7), range(7, 13)]
    correlation /= np.sqrt(np.diag(example.COVARIANCE)[1:7])
    correlation /= np.sqrt(np.diag(example.COVARIANCE)[7:13])
    assert (np.abs(correlation + 0.42) < 0.08).all()


@pytest.mark.parametrize("theta", POINTS)
def test_distances_are_those_of_adaptive_quadrature(example, theta):
    found = predictions(example, theta)
    om = theta[4] + 0.06 / 93.14
    r_drag = 147.05 * (theta[3] / 0.02236) ** -0.13 * (om / 0.1432) ** -0.23
    r_drag *= (3.044 / 3.04) ** -0.1
    redshifts = [0.295, 0.510, 0.706, 0.934, 1.321, 1.484, 2.330]
    d_m = np.array([comoving(z, theta) for z in redshifts]) / r_drag
    d_h = [LIGHT / hubble(1 / (1 + z), theta) / r_drag for z in redshifts]
    assert found[0] == pytest.approx(np.cbrt(0.295 * d_m[0] ** 2 * d_h[0]), rel=2e-5)
    np.testing.assert_allclose(found[1:7], d_m[1:], rtol=2e-5)
    np.testing.assert_allclose(found[7:13], d_h[1:], rtol=2e-5)
    np.testing.assert_array_equal(found[14:].round(12), np.round(theta[3:], 12))


def test_planck_cosmology_has_planck_angle_and_horizon(example):
    # Rounded: z_* = 1089.92, r_* = 144.43, r_drag = 147.09, 100 theta_* = 1.04110.
    assert sound_horizon(1089.92, PLANCK) == pytest.approx(144.43, rel=2e-4)
    angle = sound_horizon(1089.92, PLANCK) / comoving(1089.92, PLANCK)
    found = predictions(example, PLANCK)
    assert found[13] == pytest.approx(angle, rel=5e-5)
    assert found[13] == pytest.approx(0.0104110, rel=1.5e-4)
    r_drag = LIGHT / hubble(1 / 1.51, PLANCK) / found[7]
    assert r_drag == pytest.approx(147.09, rel=3e-4)


def test_both_targets_are_one_density(example):
    host, graph = example.host_target(), example.graph_target()
    assert host.backend == "numpy"
    assert graph.backend == "tensorflow"
    random = np.random.default_rng(0)
    wide = random.uniform(*np.transpose(example.BOUNDS), size=(500, 5))
    near = NEAR + random.normal(size=(500, 5)) * [0.2, 0.6, 2.0, 1.4e-4, 1e-3]
    for theta in (wide, near):
        ours, theirs = host.log_prob(theta), graph.log_prob(theta)
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)
        is_early = theta[:, 0] + theta[:, 1] >= 0
        assert np.isneginf(ours[is_early]).all()
        inside = np.all((theta > [b[0] for b in example.BOUNDS]), axis=1)
        inside &= np.all((theta < [b[1] for b in example.BOUNDS]), axis=1)
        assert np.isfinite(ours[inside & ~is_early]).all()


def test_gradients_are_those_of_differences(example):
    graph = example.graph_target()
    theta = np.array([NEAR, [-1.0, -0.2, 68.0, 0.0223, 0.142]])
    _, gradient = graph.value_and_gradient(theta)
    for column, scale in enumerate([1e-4, 1e-4, 1e-3, 1e-7, 1e-6]):
        shift = np.eye(5)[column] * scale
        slope = graph.log_prob(theta + shift) - graph.log_prob(theta - shift)
        np.testing.assert_allclose(gradient[:, column], slope / (2 * scale), rtol=1e-4)


def test_nuisances_are_integrated_to_convergence(example, load_example):
    integrate_out = load_example("quadrature").integrate_out
    points = np.array([[-0.43, -1.71], [-0.9, -0.3], [0.1, -3.0], [-0.7, -1.6]])
    start = np.array([65.0, 0.0222, 0.142])
    three, seven = (
        integrate_out(example.residuals, points, start, order=order) for order in (3, 7)
    )
    np.testing.assert_allclose(three, seven, atol=2e-3)


def test_definition_fits_on_a_page(example):
    with open(example.__file__) as stream:
        assert len(stream.readlines()) <= 120
