"""Ring and roll: densities agree, integrate to 1, and their draws are exact."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import targets
from flowmc.core.errors import ConfigurationError

NUM_DRAWS = 20_000
KNOWN = {
    "ring": targets.noisy_ring(),
    "roll": targets.swiss_roll(),
    "wide ring": targets.noisy_ring(2, width=0.4),
    "wide roll": targets.swiss_roll(3, width=0.3),
}


@pytest.fixture(params=KNOWN, scope="module")
def known(request):
    return KNOWN[request.param]


@pytest.fixture(scope="module")
def draws(known):
    return known.sample(NUM_DRAWS, seed=11)


def test_densities_agree(known, draws):
    theta = np.concatenate([draws[:300], 1.5 * draws[:100], draws[:100] + 0.1])
    compiled = tf.function(known.log_prob, jit_compile=True)
    for value in (known.log_prob(theta).numpy(), compiled(tf.constant(theta)).numpy()):
        np.testing.assert_allclose(known.log_prob_host(theta), value, rtol=1e-9)


def test_draws_have_the_stated_moments(known, draws):
    error = draws.std(axis=0) / np.sqrt(NUM_DRAWS)
    assert np.abs((draws.mean(axis=0) - known.mean) / error).max() < 4.0
    squares = (draws - known.mean) ** 2
    error = squares.std(axis=0) / np.sqrt(NUM_DRAWS)
    z = (squares.mean(axis=0) - known.standard_deviation**2) / error
    assert np.abs(z).max() < 4.0


@pytest.mark.parametrize("name", ["ring", "roll"])
def test_draws_follow_the_density(name):
    """The score has mean zero under its own density: E[grad log p] = 0."""
    theta = tf.constant(KNOWN[name].sample(NUM_DRAWS, seed=7))
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = KNOWN[name].log_prob(theta)
    score = tape.gradient(value, theta).numpy()
    z = score.mean(axis=0) / (score.std(axis=0) / np.sqrt(NUM_DRAWS))
    assert np.abs(z).max() < 4.0


@pytest.mark.parametrize("name", ["wide ring", "wide roll"])
def test_densities_are_normalized(name):
    """Importance sampling of the density from a wide normal law."""
    known, scale = KNOWN[name], 1.6
    size = known.event_size
    normal = np.random.default_rng(0).standard_normal((200_000, size))
    log_q = -0.5 * np.sum(normal**2 + np.log(2.0 * np.pi * scale**2), axis=1)
    weight = np.exp(known.log_prob_host(scale * normal) - log_q)
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.02
    assert abs(weight.mean() - 1.0) < 4.0 * error


def test_no_coordinate_shows_the_ring():
    """Two plane directions are spread over all coordinates, the same in every call."""
    known = targets.noisy_ring()
    assert known.standard_deviation.min() > 2.0 * 0.05 * np.sqrt(0.5)
    again = targets.noisy_ring().sample(10, seed=1)
    np.testing.assert_array_equal(again, known.sample(10, seed=1))
    plane = np.linalg.svd(known.sample(4000, seed=2), full_matrices=False)[2][:2]
    radius = np.linalg.norm(known.sample(4000, seed=3) @ plane.T, axis=1)
    assert abs(radius.mean() - 1.0) < 0.01
    assert abs(radius.std() - 0.05) < 0.01


def test_errors():
    with pytest.raises(ConfigurationError, match="at least 2"):
        targets.noisy_ring(1)
    with pytest.raises(ConfigurationError, match="at least 3"):
        targets.swiss_roll(2)
    for width in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ConfigurationError, match="width"):
            targets.noisy_ring(width=width)
