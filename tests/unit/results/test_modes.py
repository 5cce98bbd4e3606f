"""Separated modes are found and their crossings counted; curved targets stay whole."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.results.modes import find_modes

NUM_DRAWS, NUM_CHAINS = 250, 32


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def normal(event_size, *, seed=0, phi=0.0):
    """Stationary chains of unit variance `[250, 32, D]`."""
    noise = generator(seed).standard_normal((NUM_DRAWS, NUM_CHAINS, event_size))
    for step in range(1, NUM_DRAWS):
        noise[step] = phi * noise[step - 1] + np.sqrt(1.0 - phi**2) * noise[step]
    return noise


def switching(weights, *, rate, seed=5):
    """Labels `[250, 32]` that are redrawn at a rate."""
    rng = generator(seed)
    labels = rng.choice(len(weights), size=(NUM_DRAWS, NUM_CHAINS), p=weights)
    for step in range(1, NUM_DRAWS):
        stays = rng.random(NUM_CHAINS) > rate
        labels[step] = np.where(stays, labels[step - 1], labels[step])
    return labels


def rosenbrock(z):
    a = 1.0 + z[..., 0::2] / np.sqrt(2.0)
    return np.concatenate([a, a**2 + z[..., 1::2] / np.sqrt(20.0)], axis=-1)


def funnel(z):
    return np.concatenate([3 * z[..., :1], z[..., 1:] * np.exp(1.5 * z[..., :1])], -1)


def ring(z):
    angle, radius = 2.0 * np.pi * uniform(z[..., 0]), 5.0 + 0.3 * z[..., 1]
    plane = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return np.concatenate([plane, z[..., 2:]], axis=-1)


def uniform(z):
    """Uniform variates with the order of `z`, by ranks."""
    flat = z.reshape(NUM_DRAWS * NUM_CHAINS, -1)
    ranks = np.argsort(np.argsort(flat, axis=0), axis=0)
    return ((ranks + 0.5) / len(flat)).reshape(z.shape)


def heavy_tailed(z):
    return z / np.sqrt(generator(3).chisquare(2.5, size=z.shape[:2])[..., None] / 2.5)


def ill_conditioned(z):
    rotation = np.linalg.qr(generator(1).standard_normal(z.shape[-1:] * 2))[0]
    return (z * np.logspace(-3, 3, z.shape[-1])) @ rotation


UNIMODAL = {
    "gaussian-1": (lambda z: z, 1),
    "gaussian-64": (lambda z: z, 64),
    "ill-conditioned": (ill_conditioned, 20),
    "rosenbrock": (rosenbrock, 10),
    "funnel": (funnel, 10),
    "ring": (ring, 2),
    "ring in 5-D": (ring, 5),
    "t": (heavy_tailed, 10),
    "box": (uniform, 5),
    "skewed": (lambda z: -np.log(uniform(z)), 5),
}


@pytest.mark.parametrize("name", UNIMODAL)
def test_one_mode_stays_whole(name):
    shape, event_size = UNIMODAL[name]
    found = find_modes(shape(normal(event_size, phi=0.9)))
    assert found.num_modes == 1
    assert found.transitions == 0
    np.testing.assert_array_equal(found.weights, [1.0])


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_two_gaussians_and_every_crossing(phi):
    labels = switching([1 / 3, 2 / 3], rate=0.02)
    theta = normal(10, phi=phi) + 10.0 * labels[..., None] - 5.0
    found = find_modes(theta, log_prob=-np.abs(theta[..., 0]))
    assert found.num_modes == 2
    share = np.mean(labels)
    np.testing.assert_allclose(found.weights, [share, 1.0 - share])
    np.testing.assert_allclose(found.centers, [[5.0] * 10, [-5.0] * 10], atol=0.5)
    np.testing.assert_array_equal(found.labels, 1 - labels)
    # Crossings between fringes of the modes are left for the next draw in a core.
    truth = int(np.sum(labels[1:] != labels[:-1]))
    assert 0.8 * truth < found.transitions <= truth
    for i, best in enumerate(found.best_log_prob):
        assert best == np.max(-np.abs(theta[found.labels == i][:, 0]))


def test_chains_that_waver_on_a_border_make_no_transitions():
    side = np.where(np.arange(NUM_CHAINS) % 4 < 2, -1.0, 1.0)
    theta = normal(1, phi=0.0)
    theta[..., 0] += 2.5 * side
    found = find_modes(theta)
    assert found.num_modes == 2
    literal = np.sum(found.labels[1:] != found.labels[:-1])
    assert literal > 50
    assert found.transitions < 0.2 * literal


def test_small_narrow_mode():
    inside = switching([0.96, 0.04], rate=0.1)[..., None] == 1
    theta = np.where(inside, 2.0 + 0.1 * normal(10), normal(10, seed=1))
    found = find_modes(theta)
    assert found.num_modes == 2
    assert found.weights[1] == pytest.approx(np.mean(inside), rel=0.1)


def test_checkerboard_of_modes():
    cells = switching([1 / 8] * 8, rate=0.5)
    place = np.stack([cells // 2, 2 * (cells % 2) + (cells // 2) % 2], axis=-1)
    found = find_modes(5.0 * place + normal(2))
    assert found.num_modes == 8
    np.testing.assert_allclose(found.weights, 1 / 8, atol=0.03)


def test_correlated_double_well_in_64_dimensions():
    field = np.cumsum(normal(64), axis=-1) / 8.0
    side = 2.0 * switching([0.8, 0.2], rate=0.05) - 1.0
    profile = np.sqrt(np.sin(np.pi * np.arange(1, 65) / 65.0))
    found = find_modes(profile * (side[..., None] + 0.3 * field))
    assert found.num_modes == 2
    assert found.weights[1] == pytest.approx(np.mean(side > 0), abs=0.01)


def test_equal_draws_give_equal_modes():
    theta = normal(3) + 8.0 * switching([0.5, 0.5], rate=0.1)[..., None]
    first, second = find_modes(theta), find_modes(theta.copy())
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.transitions == second.transitions


@pytest.mark.parametrize("shape", [(0, 4, 2), (1, 1, 1), (3, 2, 2)])
def test_too_few_draws_are_one_mode(shape):
    found = find_modes(np.zeros(shape))
    assert found.num_modes == (shape[0] > 0)
    assert found.transitions == 0
    assert found.centers.shape == (found.num_modes, shape[2])


def test_repeats_constants_and_values_that_are_not_finite():
    theta = np.repeat(normal(3)[:50], 5, axis=0)
    theta[..., 1] = 7.0
    theta[3, 2, 0] = np.nan
    found = find_modes(theta)
    assert found.num_modes == 1
    assert found.labels[3, 2] == -1
    assert np.all(np.isfinite(found.centers))


def test_one_chain_is_cut_into_halves():
    theta = normal(2).reshape(-1, 1, 2)
    theta[3000:6000] += 9.0
    found = find_modes(theta)
    assert found.num_modes == 2
    assert found.transitions == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"theta": np.zeros((5, 2))}, "num_draws, num_chains, D"),
        ({"theta": np.zeros((5, 2, 1)), "log_prob": np.zeros(5)}, "log_prob"),
        ({"theta": np.zeros((5, 2, 1)), "max_modes": 0}, "max_modes"),
    ],
)
def test_bad_arguments_are_told(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        find_modes(arguments.pop("theta"), **arguments)
