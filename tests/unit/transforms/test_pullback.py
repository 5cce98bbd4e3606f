"""The change-of-variables formula: mass is kept."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc.transforms import BoundsTransform, add_log_det, pullback

BOUNDS = [(-2.0, 1.0), (0.5, np.inf), (-np.inf, 3.0)]


def log_prob(theta):
    """Return a normalized density: uniform, exponential, mirrored exponential."""
    inside = tf.reduce_all(
        (theta >= [-2.0, 0.5, -1e9]) & (theta <= [1.0, 1e9, 3.0]), -1
    )
    value = -np.log(3.0) - (theta[:, 1] - 0.5) - (3.0 - theta[:, 2])
    return tf.where(inside, value, tf.constant(-np.inf, tf.float64))


def test_pulled_back_density_integrates_to_one():
    log_prob_x = pullback(log_prob, BoundsTransform(BOUNDS))
    proposal = stats.t(df=3, scale=1.5)
    x = proposal.rvs(size=(200_000, 3), random_state=np.random.default_rng(2))
    weight = np.exp(log_prob_x(x).numpy() - proposal.logpdf(x).sum(axis=-1))
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.01
    assert abs(weight.mean() - 1.0) < 4.0 * error


def test_a_uniform_prior_becomes_a_standard_normal():
    box = BoundsTransform([(-2.0, 1.0)])
    x = np.linspace(-5.0, 5.0, 11)[:, None]
    flat = pullback(
        lambda theta: tf.fill([len(x)], tf.constant(-np.log(3.0), tf.float64)), box
    )
    np.testing.assert_allclose(flat(x), stats.norm.logpdf(x[:, 0]), rtol=1e-12)


def test_zero_density_stays_zero():
    ray = BoundsTransform([(0.0, np.inf)])
    nowhere = pullback(lambda theta: tf.constant([-np.inf], tf.float64), ray)
    assert nowhere([[np.inf]]).numpy() == [-np.inf]


def test_host_values_use_the_same_formula():
    total = add_log_det(np.array([1.0, -np.inf]), np.array([0.5, np.inf]))
    np.testing.assert_array_equal(total, [1.5, -np.inf])
    assert add_log_det(np.ones(2), np.ones(2, np.float32)).dtype == tf.float64


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiles_and_differentiates(jit_compile):
    log_prob_x = pullback(log_prob, BoundsTransform(BOUNDS))

    @tf.function(jit_compile=jit_compile)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = log_prob_x(x)
        return tape.gradient(value, x)

    x = tf.constant([[0.3, -1.0, 2.0]], tf.float64)
    # d/dx of -exp(x) + x is 1 - exp(x); of the box, -x.
    expected = [[-0.3, 1.0 - np.exp(-1.0), 1.0 - np.exp(2.0)]]
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-12)
