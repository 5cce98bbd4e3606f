"""Bounds: round trips, log-det against autodiff, tails, edges, errors."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.transforms import BoundsTransform

TURN = 2.0 * np.pi
BOUNDS = [
    (0.0, 1.0),
    (2.0, np.inf),
    (-np.inf, -3.0),
    (-np.inf, np.inf),
    (0.0, TURN),
    (-5.0, 0.0),
]


@pytest.fixture
def transform():
    return BoundsTransform(BOUNDS, [4])


@pytest.fixture
def x():
    points = 1.5 * np.random.default_rng(0).standard_normal((200, 6))
    points[:, 4] = np.mod(points[:, 4], TURN)
    return points


@pytest.mark.parametrize("jit_compile", [False, True])
def test_round_trip_inside_the_bounds(transform, x, jit_compile):
    forward = tf.function(transform.forward_and_log_det, jit_compile=jit_compile)
    inverse = tf.function(transform.inverse, jit_compile=jit_compile)
    theta, log_det = forward(tf.constant(x))
    low, high = np.transpose(BOUNDS)
    assert np.all((theta > low) & (theta < high))
    assert log_det.shape == (200,)
    np.testing.assert_allclose(inverse(theta), x, atol=1e-9)


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6)])
def test_leading_shapes(transform, shape):
    theta, log_det = transform.forward_and_log_det(np.zeros(shape))
    assert theta.shape == shape
    assert log_det.shape == shape[:-1]
    assert transform.inverse(theta).shape == shape


def test_log_det_is_that_of_autodiff(transform, x):
    x = tf.constant(x[:20])
    with tf.GradientTape() as tape:
        tape.watch(x)
        theta, log_det = transform.forward_and_log_det(x)
    jacobian = tape.batch_jacobian(theta, x)
    expected = tf.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(log_det, expected, rtol=1e-10, atol=1e-10)


def test_tails_of_a_box():
    """Round trips are good to 8 sd where the bound itself is a small number."""
    x = np.linspace(-8.0, 8.0, 401)[:, None]
    below = BoundsTransform([(0.0, 3.0)])
    theta, _ = below.forward_and_log_det(x)
    np.testing.assert_allclose(below.inverse(theta)[:200], x[:200], atol=1e-12)
    above = BoundsTransform([(-3.0, 0.0)])
    theta, _ = above.forward_and_log_det(x)
    np.testing.assert_allclose(above.inverse(theta)[200:], x[200:], atol=1e-12)


def test_log_det_is_finite_far_out(transform):
    x = np.linspace(-30.0, 30.0, 61)[:, None] * np.ones(6)
    theta, log_det = transform.forward_and_log_det(x)
    assert np.isfinite(theta).all()
    assert np.isfinite(log_det).all()


def test_points_on_and_next_to_a_bound_are_finite():
    box = BoundsTransform([(1.0, 2.0), (1.0, np.inf), (-np.inf, 1.0)])
    up = np.nextafter(1.0, 2.0)
    theta = np.array([[1.0, 1.0, 1.0], [2.0, up, 2.0 - up], [up, 1.0, 1.0]])
    x = box.inverse(theta)
    _, log_det = box.forward_and_log_det(x)
    assert np.isfinite(x).all()
    assert np.isfinite(log_det).all()


def test_gradients_do_not_leak_between_rules(transform):
    x = tf.constant([[40.0, 700.0, 700.0, 1e300, 1e5, -40.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        theta, log_det = transform.forward_and_log_det(x)
        value = tf.reduce_sum(theta[:, 3]) + tf.reduce_sum(log_det)
    assert np.isfinite(tape.gradient(value, x)).all()


def test_circles_wrap_and_keep_their_volume():
    circle = BoundsTransform([(-np.pi, np.pi)], periodic=[True])
    theta, log_det = circle.forward_and_log_det([[3.5], [-10.0], [0.5]])
    np.testing.assert_allclose(
        theta[:, 0], [3.5 - TURN, -10.0 + 2 * TURN, 0.5], atol=1e-12
    )
    np.testing.assert_array_equal(log_det, np.zeros(3))
    np.testing.assert_allclose(circle.inverse([[4.0]]), [[4.0 - TURN]])


def test_identity_is_known():
    free = BoundsTransform(np.tile([-np.inf, np.inf], (3, 1)))
    assert free.is_identity
    assert not BoundsTransform([(0.0, np.inf)]).is_identity
    x = np.random.default_rng(1).standard_normal((4, 3))
    theta, log_det = free.forward_and_log_det(x)
    np.testing.assert_array_equal(theta, x)
    np.testing.assert_array_equal(log_det, np.zeros(4))


@pytest.mark.parametrize(
    ("bounds", "periodic", "text"),
    [
        ([(1.0, 1.0)], (), "low < high.*coordinate 0"),
        ([(0.0, 1.0), (2.0, 1.0)], (), "coordinate 1"),
        ([(0.0, np.nan)], (), "low < high"),
        ([(np.inf, np.inf)], (), "low < high"),
        ([(-1.7e308, 1.7e308)], (), "too wide"),
        ([0.0, 1.0], (), "shape"),
        ([(0.0, np.inf)], [0], "finite bounds"),
        ([(0.0, 1.0)], [1], "finite bounds"),
        ([(0.0, 1.0)], ["a"], "indices"),
    ],
)
def test_errors(bounds, periodic, text):
    with pytest.raises(ConfigurationError, match=text):
        BoundsTransform(bounds, periodic)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_nothing_is_mapped_onto_a_bound(jit_compile):
    bounds = [(0.0, 1.0), (-3.0, 0.0), (7.0, np.inf), (-np.inf, 0.0), (1e9, 1e9 + 1)]
    transform = BoundsTransform(bounds)
    x = np.array([[-45.0] * 5, [45.0] * 5, [-800.0] * 5])
    forward = tf.function(transform.forward_and_log_det, jit_compile=jit_compile)
    theta = forward(tf.constant(x))[0].numpy()
    low, high = np.array(bounds).T
    assert np.all((theta > low) & (theta < high))
    assert np.isfinite(np.log(theta[:, 0])).all()
    assert np.isfinite(np.log(-theta[:, 1])).all()
