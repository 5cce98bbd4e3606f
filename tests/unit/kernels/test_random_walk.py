"""Random-walk steps: their size, their shape, and who may change it."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from tests.statistical.invariance import PASS, largest_z
from tests.unit.kernels.targets import Watched, log_prob, start

TRIL = np.array([[1.0, 0.0], [0.5, 2.0]])
CIRCULAR = [False, True]


def circle_log_prob(x):
    """A normal number, and an angle that follows it over the cut."""
    angle = x[:, 1] - 2.5 - 0.5 * x[:, 0]
    return -0.5 * tf.square(x[:, 0]) + 1.5 * tf.cos(angle)


def circle_start(n=4000, seed=0):
    """Exact draws `[n, 2]` of that density."""
    random = np.random.default_rng(seed)
    number = random.normal(size=n)
    angle = random.vonmises(2.5 + 0.5 * number, 1.5)
    angle = (angle + np.pi) % (2.0 * np.pi) - np.pi
    return np.stack([number, angle], axis=-1)


def assert_circle_invariant(kernel, *, steps=3):
    """Run from exact draws: angles stay in their interval, draws stay draws."""

    def features(x):
        return np.stack([np.cos(x[:, 1]), x[:, 0] + np.sin(x[:, 1])], axis=-1)

    before = circle_start()
    state = kernel.init(before)
    for step in range(steps):
        state, _ = kernel.step(state, seed=(3, step))
    after = state.position.numpy()
    assert np.all((after[:, 1] >= -np.pi) & (after[:, 1] < np.pi))
    np.testing.assert_allclose(state.log_prob, circle_log_prob(after))
    assert largest_z(features(after), before=features(before)) < PASS
    return after


@pytest.mark.parametrize("scale_tril", [None, TRIL])
def test_steps_have_the_covariance_asked_for(scale_tril):
    kernel = kernels.make("random_walk", step_size=0.3, scale_tril=scale_tril)
    state = kernel.init(np.ones((50_000, 2)), np.zeros(50_000))
    request = kernel.propose(state, seed=(1, 2))
    factor = 0.3 * (np.eye(2) if scale_tril is None else scale_tril)
    steps = request.points.numpy() - 1.0
    np.testing.assert_allclose(np.cov(steps.T), factor @ factor.T, atol=0.01)
    np.testing.assert_allclose(steps.mean(axis=0), 0.0, atol=0.01)
    assert request.needs_gradient is False


def test_accepts_uphill_always():
    kernel = kernels.make("random_walk", target_log_prob_fn=log_prob)
    state = kernel.init(start())
    after, info = kernel.step(state, seed=(1, 2))
    is_uphill = info.log_accept_ratio >= 0.0
    assert np.all(info.is_accepted.numpy()[is_uphill])
    has_moved = np.any(after.position != state.position, axis=1)
    np.testing.assert_array_equal(has_moved, info.is_accepted)
    np.testing.assert_allclose(after.log_prob, log_prob(after.position))


def test_points_of_zero_density_are_not_entered():
    def half_plane(x):
        return tf.where(x[:, 0] > 0.0, log_prob(x), tf.constant(-np.inf, tf.float64))

    kernel = kernels.make("random_walk", target_log_prob_fn=half_plane, step_size=3.0)
    state = kernel.init(np.abs(start()))
    for step in range(5):
        state, _ = kernel.step(state, seed=(1, step))
    assert np.all(state.position[:, 0] > 0.0)


def test_step_size_changes_without_a_new_trace():
    kernel = kernels.make("random_walk", step_size=0.1)
    state = kernel.init(start(), np.zeros(200))
    propose = tf.function(lambda seed: kernel.propose(state, seed=seed).points)
    small = propose(tf.constant([1, 2])) - start()
    kernel.step_size.assign(10.0)
    large = propose(tf.constant([1, 2])) - start()
    np.testing.assert_allclose(large, 100.0 * small)
    assert propose.experimental_get_tracing_count() == 1


def test_log_prob_given_is_not_computed_again():
    target = Watched()
    kernel = kernels.make("random_walk", target_log_prob_fn=target)
    state = kernel.init(start(), log_prob(start()))
    assert not target.points
    kernel.step(state, seed=(1, 2))
    assert len(target.points) == 1


@pytest.mark.parametrize("step_size", [0.0, -1.0, float("nan")])
def test_bad_step_size(step_size):
    with pytest.raises(ConfigurationError, match="`step_size` must be positive"):
        kernels.make("random_walk", step_size=step_size)


def test_unknown_kernel():
    with pytest.raises(ConfigurationError, match="not a known kernel; known are: .*in"):
        kernels.make("metropolis_adjusted_wishes")


def test_matrix_changes_without_a_new_trace():
    kernel = kernels.make("random_walk", step_size=1.0, scale_tril=np.eye(2))
    state = kernel.init(start(), np.zeros(200))
    propose = tf.function(lambda seed: kernel.propose(state, seed=seed).points)
    plain = propose(tf.constant([1, 2])) - start()
    kernel.fit(scale_tril=TRIL)
    shaped = propose(tf.constant([1, 2])) - start()
    np.testing.assert_allclose(shaped, plain.numpy() @ TRIL.T)
    assert propose.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("scale_tril", [None, TRIL])
def test_angles_are_wrapped(scale_tril):
    kernel = kernels.make(
        "random_walk",
        target_log_prob_fn=circle_log_prob,
        step_size=1.2,
        scale_tril=scale_tril,
        circular=CIRCULAR,
    )
    after = assert_circle_invariant(kernel)
    assert np.mean(np.abs(after - circle_start())[:, 1] > np.pi) > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale_tril": np.ones((2, 2))}, "square and lower triangular"),
        ({"scale_tril": np.ones((1, 2))}, "square and lower triangular"),
        ({"scale_tril": np.diag([1.0, 0.0])}, "positive diagonal"),
        ({"scale_tril": np.diag([1.0, np.nan])}, "must be finite"),
        ({"scale_tril": np.eye(3), "circular": CIRCULAR}, "shape \\[n, 2\\]"),
        ({"circular": [0, 1]}, "one bool per coordinate"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigurationError, match=message):
        kernels.make("random_walk", **options)


def test_positions_of_another_size():
    kernel = kernels.make("random_walk", circular=[False, True, True])
    with pytest.raises(ConfigurationError, match="built for 3 coordinates"):
        kernel.init(start(), np.zeros(200))


def test_a_matrix_cannot_come_later():
    with pytest.raises(ConfigurationError, match="built with `scale_tril`"):
        kernels.make("random_walk").fit(scale_tril=TRIL)
