"""Neutrino oscillation: closed form against matrix exponentials, and both targets."""

import numpy as np
import pytest
from scipy import constants, linalg

ELECTRONVOLT_METRES = constants.hbar * constants.c / constants.e
FERMI = constants.physical_constants["Fermi coupling constant"][0]  # GeV^-2
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def example(load_example):
    return load_example("neutrino")


def mixing_matrix(s12, s13, s23, delta):
    """The standard parametrization, written as three rotations."""
    (a, b, c), (d, e, f) = (
        np.sqrt([s12, s13, s23]),
        np.sqrt([1 - s12, 1 - s13, 1 - s23]),
    )
    phase = np.exp(-1j * delta)
    solar = np.array([[d, a, 0], [-a, d, 0], [0, 0, 1]])
    reactor = np.array([[e, 0, b * phase], [0, 1, 0], [-b / phase, 0, e]])
    atmospheric = np.array([[1, 0, 0], [0, f, c], [0, -c, f]])
    return atmospheric @ reactor @ solar


def evolved(example, theta, energy, sign):
    """P(mu -> e) and P(mu -> mu) by the exponential of the Hamiltonian, in eV."""
    s23, delta, dm31, s13 = theta
    mixing = mixing_matrix(example.S12, s13, s23, sign * delta)
    masses = np.diag([0.0, example.DM21 * 1e-3, dm31 * 1e-3]) / (2e9 * energy)
    electrons = 0.5 * 2.84 * constants.N_A * 1e6  # per m^3
    potential = np.sqrt(2) * FERMI * 1e-18 * electrons * ELECTRONVOLT_METRES**3
    matter = np.diag([sign * potential, 0.0, 0.0])
    hamiltonian = mixing @ masses @ mixing.conj().T + matter
    amplitude = linalg.expm(-1j * hamiltonian * 810e3 / ELECTRONVOLT_METRES)
    return np.abs(amplitude[:2, 1]) ** 2


def draws(example, n, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(*np.transpose([*example.BOUNDS.values()]), size=(n, 4))


def test_probabilities_are_those_of_the_exponential(example):
    theta = np.concatenate([example.BEST_FIT, draws(example, 8)])
    appear, survive = example.probabilities(theta)
    for row, one in enumerate(theta):
        exact = np.array(
            [
                evolved(example, one, energy, sign)
                for energy, sign in zip(example.ENERGY, example.SIGN, strict=True)
            ]
        )
        np.testing.assert_allclose(appear[row], exact[:, 0], atol=1e-6)
        np.testing.assert_allclose(survive[row], exact[:, 1], atol=1e-6)


def test_best_fit_is_the_maximum(example):
    assert example.log_posterior(example.BEST_FIT)[0] == pytest.approx(0, abs=1e-12)
    near = example.BEST_FIT + RANDOM.normal(size=(500, 4)) * [0.02, 0.5, 0.03, 6e-4]
    assert (example.log_posterior(near) < 0).all()


def test_other_modes_are_nearly_as_good(example):
    octant = example.BEST_FIT.copy()
    octant[0, 0] = 0.55
    ordering = np.array([[0.48, np.deg2rad(280), -2.40, 0.02215]])
    assert example.log_posterior(octant)[0] > -3
    assert example.log_posterior(ordering)[0] > -4
    between = example.BEST_FIT.copy()
    between[0, 2] = 0.0
    assert example.log_posterior(between)[0] < -50


def test_both_targets_are_one_density(example):
    host, graph = example.host_target(), example.graph_target()
    assert host.backend == "numpy"
    assert graph.backend == "tensorflow"
    assert tuple(graph.periodic) == (1,)
    theta = draws(example, 500, seed=1)
    np.testing.assert_allclose(host.log_prob(theta), graph.log_prob(theta), rtol=1e-9)
    turned = theta + [0, 2 * np.pi, 0, 0]
    np.testing.assert_allclose(
        example.log_posterior(turned), example.log_posterior(theta), rtol=1e-9
    )


def test_gradients_are_finite_and_those_of_differences(example):
    graph = example.graph_target()
    _, gradient = graph.value_and_gradient(draws(example, 500, seed=2))
    assert np.isfinite(gradient).all()
    theta = example.BEST_FIT + [[0.03, 0.5, 0.01, 2e-4]]
    _, gradient = graph.value_and_gradient(theta)
    for column, scale in enumerate([1e-5, 1e-4, 1e-5, 1e-6]):
        shift = np.eye(4)[column] * scale
        slope = graph.log_prob(theta + shift) - graph.log_prob(theta - shift)
        assert gradient[0, column] == pytest.approx(slope[0] / (2 * scale), rel=1e-4)


def test_definition_fits_on_a_page(example):
    with open(example.__file__) as stream:
        assert len(stream.readlines()) <= 120
