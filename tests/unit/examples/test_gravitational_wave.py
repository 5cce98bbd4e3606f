"""The wave in two detectors against textbook formulas, and its exact symmetries."""

import numpy as np
import pytest

from tests.architecture.source import ROOT

LIGHT = 299792458.0
SUN = 4.925490947e-6  # G m / c^3 in seconds


@pytest.fixture(scope="module")
def study(load_example):
    return load_example("gravitational_wave")


@pytest.fixture(scope="module")
def network(load_example):
    return load_example("gravitational_network")


def prior_draws(network, n, seed=0):
    share = np.random.default_rng(seed).random((n, 9))
    theta = network.LOW + share * (network.HIGH - network.LOW)
    theta[:, 2] = 0.4 + 1.2 * share[:, 2]
    return theta


def noise_power(frequency):
    x = frequency / 215.0
    bulk = (1.0 - x * x + 0.5 * x**4) / (1.0 + 0.5 * x * x)
    return 1e-49 * (x**-4.14 - 5.0 * x**-2 + 111.0 * bulk)


def test_arms_are_orthogonal_and_ten_light_milliseconds_apart(network):
    for _, x, y in network.DETECTORS:
        assert np.linalg.norm(x) == pytest.approx(1.0, abs=1e-9)
        assert np.linalg.norm(y) == pytest.approx(1.0, abs=1e-9)
        assert x @ y == pytest.approx(0.0, abs=1e-6)
    baseline = network.DETECTORS[1, 0] - network.DETECTORS[0, 0]
    assert np.linalg.norm(baseline) / LIGHT == pytest.approx(0.01001, abs=1e-5)


def test_the_sky_frame_is_orthonormal(network):
    axes = np.stack(network.directions(prior_draws(network, 50)), axis=1)
    products = np.einsum("nai,nbi->nab", axes, axes)
    np.testing.assert_allclose(products, np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)


def test_antenna_patterns_do_not_depend_on_the_frame(network):
    """F+^2 + Fx^2 by longitude and latitude, with north as the reference."""
    theta = prior_draws(network, 20)
    theta[:, 3] = 1.0  # face on: both polarizations are emitted alike
    reference = theta.copy()
    reference[:, 6] = 0.0
    found = network.waves(theta)
    for (_, real, imaginary), (_, first, second), (_, x, y) in zip(
        found, network.waves(reference), network.DETECTORS, strict=True
    ):
        north, east = np.arcsin(network.directions(theta)[0][:, 2]), None
        source = network.directions(theta)[0]
        east = np.arctan2(source[:, 1], source[:, 0])
        zero = np.zeros_like(east)
        to_east = np.stack([-np.sin(east), np.cos(east), zero])
        to_north = np.stack(
            [
                -np.sin(north) * np.cos(east),
                -np.sin(north) * np.sin(east),
                np.cos(north),
            ]
        )
        plus = (x @ to_east) ** 2 - (y @ to_east) ** 2
        plus -= (x @ to_north) ** 2 - (y @ to_north) ** 2
        cross = (x @ to_east) * (x @ to_north) - (y @ to_east) * (y @ to_north)
        strength = np.hypot(plus / 2, cross)
        mass, distance = SUN * theta[:, 0], theta[:, 2] * 1.0292712503e17
        size = np.sqrt(5 / 24) * np.pi ** (-2 / 3) * mass ** (5 / 6) / distance
        np.testing.assert_allclose(
            np.hypot(real, imaginary), size * strength, rtol=1e-8
        )
        # Turning the polarization by psi turns the pair (F+, Fx) by 2 psi.
        turned = (first + 1j * second) * np.exp(-2j * theta[:, 6])
        np.testing.assert_allclose(real + 1j * imaginary, turned, rtol=1e-9)


def test_phase_gives_the_chirp_time(network):
    """d(angle)/d(2 pi f) is coalescence minus the time left at f, known as a series."""
    theta = prior_draws(network, 5)
    angle = network.waves(theta)[0][0]
    f, step = network.FREQUENCY, network.FREQUENCY[1] - network.FREQUENCY[0]
    # Fourth order in the step, at the inner frequencies.
    slope = (8 * (angle[:, 3:-1] - angle[:, 1:-3]) - (angle[:, 4:] - angle[:, :-4])) / (
        12 * step
    )
    nu = theta[:, 1:2] / (1 + theta[:, 1:2]) ** 2
    total = SUN * theta[:, :1] * nu**-0.6
    v = np.cbrt(np.pi * total * f[2:-2])
    second = 3058673 / 1016064 + 5429 / 1008 * nu + 617 / 144 * nu**2
    series = 1 + 4 / 3 * (743 / 336 + 11 / 4 * nu) * v**2 - 32 * np.pi / 5 * v**3
    left = 5 * total / (256 * nu * v**8) * (series + 2 * second * v**4)
    found = theta[:, 7:8] - slope / (2 * np.pi)
    # The phase is a truncated series of another quantity: they agree to its order.
    np.testing.assert_allclose(found, left, rtol=1e-3, atol=2e-4)


def test_delay_is_the_light_time_along_the_source(network):
    theta = prior_draws(network, 5)
    (first, *_), (second, *_) = network.waves(theta)
    baseline = network.DETECTORS[1, 0] - network.DETECTORS[0, 0]
    delay = -(network.directions(theta)[0] @ baseline) / LIGHT
    expected = 2 * np.pi * network.FREQUENCY * delay[:, None]
    np.testing.assert_allclose(second - first, expected, atol=1e-9)
    # The zenith is counted from that line.
    # From Livingston to Hanford: what comes from beyond Hanford gets there first.
    np.testing.assert_allclose(delay, 0.0100128 * theta[:, 4], rtol=1e-5)


def test_likelihood_is_that_of_the_noise(network):
    """Strain minus wave, whitened, against strain alone; from the weighted strain."""
    f = network.FREQUENCY
    power, step = noise_power(f), f[1] - f[0]
    weight = 4 * step * f ** (-7 / 6) / power
    strain = network.data()[0] / weight
    theta = prior_draws(network, 5)
    theta[0] = network.INJECTED
    expected = np.zeros(5)
    found = network.waves(theta)
    turn = network.turns(theta, found)[:, None]
    for (angle, real, imaginary), own in zip(found, strain, strict=True):
        size = (real + 1j * imaginary)[:, None] * f ** (-7 / 6)
        wave = size * np.exp(1j * (angle - turn))
        rest = np.sum(np.abs(own - wave) ** 2 / power, axis=1)
        expected += 2 * step * (np.sum(np.abs(own) ** 2 / power) - rest)
    found = network.log_likelihood(theta)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)
    assert found[0] == np.max(found)


def test_noise_is_of_unit_power(network):
    f = network.FREQUENCY
    power, step = noise_power(f), f[1] - f[0]
    strain = network.data()[0] / (4 * step * f ** (-7 / 6) / power)
    found = network.waves(network.INJECTED[None])
    turn = network.turns(network.INJECTED[None], found)
    for (angle, real, imaginary), own in zip(found, strain, strict=True):
        turned = np.exp(1j * (angle[0] - turn))
        noise = own - (real + 1j * imaginary) * f ** (-7 / 6) * turned
        white = np.abs(noise) ** 2 * 2 * step / power
        assert white.mean() == pytest.approx(1.0, abs=5 / np.sqrt(white.size))


def test_quarter_turn_changes_nothing(network):
    theta = np.concatenate([prior_draws(network, 20), network.INJECTED[None]])
    turned = theta.copy()
    turned[:, 6] += np.pi / 2
    np.testing.assert_allclose(
        network.log_likelihood(theta),
        network.log_likelihood(turned),
        rtol=1e-10,
        atol=1e-6,
    )


def test_phase_is_that_of_the_wave_in_hanford(network):
    theta = prior_draws(network, 20)
    found = network.waves(theta)
    angle, real, imaginary = found[0]
    assert network.FREQUENCY[network.MIDDLE] == 50.0
    wave = (real + 1j * imaginary) * np.exp(1j * angle[:, network.MIDDLE])
    wave = wave * np.exp(-1j * network.turns(theta, found))
    np.testing.assert_allclose(wave / np.abs(wave), np.exp(-2j * theta[:, 8]))


def test_phase_is_integrated_out(network):
    num_phases = 4000
    theta = np.tile(network.INJECTED, (num_phases, 1))
    theta[:, 8] = np.pi * np.arange(num_phases) / num_phases
    log_likelihood = network.log_likelihood(theta)
    largest = log_likelihood.max()
    mean = largest + np.log(np.mean(np.exp(log_likelihood - largest)))
    assert network.log_likelihood(theta[:1, :8])[0] == pytest.approx(mean, abs=1e-8)


def test_both_targets_agree(study, network):
    host, graph = study.host_target(), study.graph_target()
    assert (host.backend, graph.backend) == ("numpy", "tensorflow")
    assert tuple(host.names) == tuple(graph.names) == tuple(network.NAMES)
    assert tuple(host.periodic) == tuple(graph.periodic) == (5, 6, 8)
    theta = np.concatenate([prior_draws(network, 50), network.INJECTED[None]])
    for name in ("log_prior", "log_likelihood"):
        ours, theirs = getattr(host, name)(theta), getattr(graph, name)(theta)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-6)
    marginal = study.graph_target(has_phase=False)
    expected = network.log_likelihood(theta[:, :8])
    found = marginal.log_likelihood(theta[:, :8])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("name", ["gravitational_wave", "gravitational_network"])
def test_study_fits_on_a_page(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= 120
