"""The spline: identity at zero, increasing, smooth, inverted at any parameters."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models.rational_quadratic import evaluate, invert, make_spline

BOUND, BINS = 4.0, 6


def random_spline(n, *, strength=1.0, seed=0, bins=BINS, is_circle=False):
    random = np.random.default_rng(seed)
    widths, heights, inner = (
        tf.constant(strength * random.normal(size=(rows, n)))
        for rows in (bins, bins, bins - 1)
    )
    end = tf.constant(strength * random.normal(size=(1, n)) * is_circle)
    return make_spline(widths, heights, tf.concat([end, inner, end], axis=0), BOUND)


def one_spline(points, *, seed=0, **options):
    """The same random spline at every point."""
    spline = random_spline(1, seed=seed, **options)
    parts = [tf.repeat(part, len(points), axis=1) for part in spline[:3]]
    return type(spline)(*parts, BOUND)


@pytest.mark.parametrize("direction", [evaluate, invert])
def test_identity_at_zero(direction):
    x = np.linspace(-6.0, 6.0, 1001)
    image, log_derivative = direction(random_spline(1001, strength=0.0), x)
    np.testing.assert_allclose(image, x, rtol=0.0, atol=2e-15)
    np.testing.assert_allclose(log_derivative, 0.0, atol=2e-15)


@pytest.mark.parametrize("strength", [1.0, 10.0, 100.0])
def test_increasing_from_end_to_end(strength):
    x = np.linspace(-BOUND, BOUND, 4001)
    for seed in range(5):
        y, log_derivative = evaluate(one_spline(x, seed=seed, strength=strength), x)
        assert np.all(np.diff(y) > -1e-13)
        assert np.all(np.isfinite(log_derivative))
        np.testing.assert_allclose([y[0], y[-1]], [-BOUND, BOUND], atol=1e-13)


def test_log_derivative_is_that_of_autodiff():
    x = tf.constant(np.random.default_rng(1).uniform(-5.0, 5.0, size=2000))
    for direction, sign in ((evaluate, 1.0), (invert, -1.0)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            image, log_derivative = direction(random_spline(2000), x)
        slope = tape.gradient(image, x)
        np.testing.assert_allclose(sign * np.log(slope), log_derivative, atol=1e-8)


@pytest.mark.parametrize("strength", [1.0, 10.0, 1000.0])
def test_inverse_of_extreme_parameters(strength):
    n = 5000
    y = tf.constant(np.random.default_rng(2).uniform(-BOUND, BOUND, size=n))
    spline = random_spline(n, strength=strength)
    with tf.GradientTape() as tape:
        tape.watch([y, *spline[:3]])
        x, log_derivative = invert(spline, y)
        total = tf.reduce_sum(log_derivative)
    assert np.all(np.abs(x) <= BOUND)
    # An error of a rounding in x is one of a slope in y: up to 1000 and more here.
    np.testing.assert_allclose(evaluate(spline, x)[0], y, atol=1e-10)
    for gradient in tape.gradient(total, [y, *spline[:3]]):
        assert np.isfinite(gradient).all()


def test_derivative_is_continuous_at_the_knots():
    widths = random_spline(1).widths[:, 0].numpy()
    knots = np.cumsum(widths)[:-1] - BOUND
    step = 1e-9
    around = np.concatenate([knots - step, knots + step])
    y, log_derivative = evaluate(one_spline(around), around)
    left, right = np.split(log_derivative.numpy(), 2)
    np.testing.assert_allclose(left, right, atol=1e-6)
    below, above = np.split(y.numpy(), 2)
    np.testing.assert_allclose(below, above, atol=1e-6)


@pytest.mark.parametrize("direction", [evaluate, invert])
def test_tails_are_the_identity_and_join_smoothly(direction):
    x = np.array([-1e300, -50.0, -BOUND - 1e-9, BOUND + 1e-9, 1e6])
    image, log_derivative = direction(one_spline(x), x)
    np.testing.assert_array_equal(image, x)
    np.testing.assert_array_equal(log_derivative, 0.0)
    inside = np.array([-BOUND + 1e-9, BOUND - 1e-9])
    _, log_derivative = direction(one_spline(inside), inside)
    np.testing.assert_allclose(log_derivative, 0.0, atol=1e-6)


@pytest.mark.parametrize("direction", [evaluate, invert])
def test_gradients_survive_nonsense_outside(direction):
    x = tf.constant([np.inf, np.nan, 1e308, 0.5], tf.float64)
    spline = random_spline(4)
    with tf.GradientTape() as tape:
        tape.watch(spline.widths)
        _, log_derivative = direction(spline, x)
    gradient = tape.gradient(log_derivative, spline.widths)
    assert np.isfinite(gradient).all()


def test_xla_agrees():
    x = tf.constant(np.random.default_rng(3).uniform(-5.0, 5.0, size=200))
    for direction in (evaluate, invert):
        compiled = tf.function(direction, jit_compile=True, autograph=False)
        for value, expected in zip(
            compiled(random_spline(200), x),
            direction(random_spline(200), x),
            strict=True,
        ):
            np.testing.assert_allclose(value, expected, atol=1e-11)
