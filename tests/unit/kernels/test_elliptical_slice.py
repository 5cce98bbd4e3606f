"""Slices along ellipses: always a new point, as many evaluations as it takes."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation
from flowmc.kernels.drive import drive
from flowmc.kernels.elliptical_slice import EllipticalSlice
from tests.statistical.invariance import FAIL, PASS, TARGET, exact_draws, largest_z
from tests.unit.kernels.targets import Perfect, Watched, log_prob, start
from tests.unit.kernels.test_random_walk import (
    CIRCULAR,
    circle_log_prob,
    circle_start,
)

LOCATION = np.array([0.3, -0.5])
TRIL = np.array([[1.0, 0.0], [0.5, 2.0]])
DEAD = tf.constant(-np.inf, tf.float64)


def make(target=log_prob, **options):
    return kernels.make("elliptical_slice", target_log_prob_fn=target, **options)


def half_plane(x):
    return tf.where(x[:, 0] > 0.0, log_prob(x), DEAD)


def run(kernel, position, *, steps=3):
    state = kernel.init(position)
    for step in range(steps):
        state, info = kernel.step(state, seed=(3, step))
    return state, info


def test_its_own_normal_needs_one_point():
    target = Watched()
    kernel = make(target, location=np.zeros(2), scale_tril=np.diag([1.0, 2.0]))
    state, info = run(kernel, start(5000), steps=2)
    assert np.all(info.is_accepted)
    assert np.all(info.num_rounds == 1)
    np.testing.assert_array_equal(info.log_accept_ratio, 0.0)
    assert len(target.points) == 3
    assert largest_z(state.position.numpy(), before=start(5000)) < PASS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"location": LOCATION, "scale_tril": TRIL},
        {"max_iterations": 1},
        {"max_iterations": 2},
    ],
    ids=["standard", "fitted", "one try", "two tries"],
)
def test_another_target_is_left_alone(options):
    before = exact_draws()[:5000]
    state, info = run(make(TARGET.graph_fn, **options), before)
    assert largest_z(state.position.numpy(), before=before) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))
    if "max_iterations" not in options:
        assert np.all(info.is_accepted)


class Unreferenced(EllipticalSlice):
    """Slices the target itself, as if it were the likelihood alone."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        shift = 0.5 * tf.reduce_sum(tf.square(state.position), axis=-1)
        height = request.carry.log_height - shift
        return request._replace(carry=request.carry._replace(log_height=height))


def test_control_a_height_of_another_function_is_seen():
    kernel = Unreferenced(target_log_prob_fn=TARGET.graph_fn)
    state, _ = run(kernel, exact_draws())
    assert largest_z(state.position.numpy()) > FAIL


def test_a_chain_out_of_tries_stays_and_says_so():
    kernel = make(lambda x: 1e6 * log_prob(x), max_iterations=3)
    before = start(500)
    state, info = run(kernel, before, steps=1)
    has_moved = np.any(state.position != before, axis=1)
    np.testing.assert_array_equal(has_moved, info.is_accepted)
    assert 0 < has_moved.sum() < 500
    assert np.all(np.isneginf(info.log_accept_ratio[~has_moved]))
    assert np.all(info.num_rounds.numpy()[~has_moved] == 3)
    assert np.max(info.num_rounds) == 3
    assert info.tally.as_dict()["log_prob_calls"] == 3 * 500


@pytest.mark.parametrize("is_compiled", [False, True])
def test_inside_a_map(is_compiled):
    before = exact_draws()[:5000]
    kernel = kernels.make(
        "preconditioned",
        target_log_prob_fn=TARGET.graph_fn,
        model=Perfect(),
        inner=kernels.make("elliptical_slice"),
    )
    step = kernel.step
    if is_compiled:
        step = tf.function(step, jit_compile=True, autograph=False)
    state = kernel.init(before)
    for index in range(2):
        state, info = step(state, seed=tf.constant([3, index]))
    assert np.all(info.is_accepted)
    assert largest_z(state.position.numpy(), before=before) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))


def test_payload_follows_the_accepted_point():
    def evaluate(request):
        copy = tf.cast(request.points, tf.float32)
        return Evaluation(TARGET.graph_fn(request.points), None, {"copy": copy})

    kernel = make()
    x = tf.constant(exact_draws()[:300])
    log_prob = TARGET.graph_fn(x)
    state = kernel.init(x, log_prob, payload={"copy": tf.cast(x, tf.float32)})
    for step in range(3):
        seed = tf.constant([1, step])
        state, info = drive(kernel, state, evaluate=evaluate, seed=seed)
    assert np.max(info.num_rounds) > 1
    np.testing.assert_array_equal(
        state.payload["copy"], tf.cast(state.position, tf.float32)
    )


def test_points_of_zero_density_are_not_in_the_slice():
    before = start(5000)
    before[:, 0] = np.abs(before[:, 0])
    state, info = run(make(half_plane), before, steps=2)
    assert np.all(info.is_accepted)
    assert np.all(state.position[:, 0] > 0.0)
    assert largest_z(state.position.numpy(), before=before) < PASS


def test_a_start_of_zero_density_moves_to_any_other():
    state, info = run(make(half_plane), start(), steps=1)
    assert np.all(info.is_accepted)
    assert np.all(state.position[:, 0] > 0.0)


def test_angles_stay():
    def features(x):
        return np.stack([x[:, 0], np.cos(x[:, 1]) + x[:, 0]], axis=-1)

    before = circle_start()
    options = {"location": [0.2], "scale_tril": [[1.3]], "circular": CIRCULAR}
    state, _ = run(make(circle_log_prob, **options), before)
    after = state.position.numpy()
    np.testing.assert_array_equal(after[:, 1], before[:, 1])
    assert np.all(after[:, 0] != before[:, 0])
    assert largest_z(features(after), before=features(before)) < PASS


def test_one_dimension_compiled():
    kernel = make(lambda x: -2.0 * tf.square(x[:, 0] - 1.0))
    program = tf.function(kernel.step, jit_compile=True, autograph=False)
    state = kernel.init(1.0 + 0.5 * np.random.default_rng(0).normal(size=(4000, 1)))
    for step in range(3):
        state, info = program(state, seed=tf.constant([1, step]))
    assert np.all(info.is_accepted)
    np.testing.assert_allclose(np.mean(state.position), 1.0, atol=0.04)
    np.testing.assert_allclose(np.std(state.position), 0.5, atol=0.03)


def test_fit_changes_the_ellipses_without_a_new_trace():
    kernel = make(location=np.zeros(2), scale_tril=np.eye(2))
    state = kernel.init(start())
    propose = tf.function(lambda seed: kernel.propose(state, seed=seed).points)
    propose(tf.constant([1, 2]))
    kernel.fit(location=[0.0, 0.0], scale_tril=1e3 * np.eye(2))
    assert np.abs(propose(tf.constant([1, 2]))).mean() > 100.0
    assert propose.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circular": [True, True]}, "an ordinary coordinate to move; all 2"),
        ({"max_iterations": 0}, "`max_iterations` must be at least 1; got 0"),
        ({"scale_tril": TRIL}, "given together"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigurationError, match=message):
        make(**options)
