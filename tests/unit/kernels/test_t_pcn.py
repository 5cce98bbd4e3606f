"""Steps that keep a t: what is invariant, what is adapted, what is refused."""

import math

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation
from flowmc.kernels.t_pcn import TPCN
from tests.statistical.invariance import (
    FAIL,
    PASS,
    TARGET,
    exact_draws,
    flow,
    largest_z,
)
from tests.unit.kernels.targets import log_prob, start
from tests.unit.kernels.test_random_walk import (
    CIRCULAR,
    assert_circle_invariant,
    circle_log_prob,
)

LOCATION = np.array([0.3, -0.5])
TRIL = np.array([[1.0, 0.0], [0.5, 2.0]])


def make(target=log_prob, **options):
    return kernels.make("t_pcn", target_log_prob_fn=target, **options)


def t_log_prob(nu, *, location=LOCATION, scale_tril=TRIL):
    """The kernel's own reference: a t, or a normal for infinite `nu`."""
    inverse = np.linalg.inv(scale_tril)

    def log_density(x):
        white = tf.matmul(x - location, inverse, transpose_b=True)
        square = tf.reduce_sum(tf.square(white), axis=-1)
        if math.isinf(nu):
            return -0.5 * square
        return -0.5 * (nu + len(location)) * tf.math.log1p(square / nu)

    return log_density


def t_draws(nu, *, n=5000, seed=0):
    random = np.random.default_rng(seed)
    normal = random.normal(size=(n, 2)) @ TRIL.T
    if math.isinf(nu):
        return LOCATION + normal
    return LOCATION + normal / np.sqrt(random.chisquare(nu, size=(n, 1)) / nu)


def run(kernel, position, *, steps=3):
    state = kernel.init(position)
    for step in range(steps):
        state, info = kernel.step(state, seed=(3, step))
    return state, info


@pytest.mark.parametrize("rho", [0.3, 1.0])
@pytest.mark.parametrize("nu", [1, 5, math.inf])
def test_the_reference_is_left_alone_and_never_refused(nu, rho):
    kernel = make(
        t_log_prob(nu),
        step_size=rho,
        degrees_of_freedom=nu,
        location=LOCATION,
        scale_tril=TRIL,
    )
    before = t_draws(nu)
    state, info = run(kernel, before)
    np.testing.assert_allclose(info.log_accept_ratio, 0.0, atol=1e-9)
    assert np.mean(info.is_accepted) == 1.0
    # Bounded features: a Cauchy has no moments.
    z = largest_z(np.tanh(state.position.numpy()), before=np.tanh(before))
    assert z < PASS


@pytest.mark.parametrize(
    "options",
    [
        {"step_size": 0.5},
        {"step_size": 1.0, "degrees_of_freedom": 2},
        {"step_size": 0.5, "degrees_of_freedom": None},
        {"step_size": 0.8, "location": LOCATION, "scale_tril": TRIL},
    ],
)
def test_another_target_is_left_alone(options):
    before = exact_draws()[:5000]
    state, info = run(make(TARGET.graph_fn, **options), before)
    assert 0.2 < np.mean(info.is_accepted) < 0.95
    assert largest_z(state.position.numpy(), before=before) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))


class Uncorrected(TPCN):
    """Accepts by the target alone, as if the proposal were symmetric."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        *carry, log_t_ratio = request.carry
        return request._replace(carry=(*carry, 0.0 * log_t_ratio))


def test_control_without_the_density_of_the_t_is_seen():
    kernel = Uncorrected(target_log_prob_fn=TARGET.graph_fn)
    state, _ = run(kernel, exact_draws())
    assert largest_z(state.position.numpy()) > FAIL


def test_inside_a_flow():
    before = exact_draws()[:5000]
    kernel = kernels.make(
        "preconditioned",
        target_log_prob_fn=TARGET.graph_fn,
        model=flow(),
        inner=kernels.make("t_pcn", step_size=0.8),
    )
    state, _ = run(kernel, before)
    assert largest_z(state.position.numpy(), before=before) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))


@pytest.mark.parametrize(
    "options",
    [{}, {"location": [0.2], "scale_tril": [[1.3]]}],
    ids=["standard", "fitted"],
)
def test_angles_walk_and_the_rest_keeps_its_t(options):
    kernel = make(circle_log_prob, circular=CIRCULAR, step_size=0.6, **options)
    assert_circle_invariant(kernel)


def test_nothing_but_angles():
    def uniform(x):
        return tf.zeros_like(x[:, 0])

    kernel = make(uniform, circular=[True, True], step_size=0.1)
    before = np.full((3000, 2), 3.0)
    state, info = run(kernel, before, steps=1)
    np.testing.assert_allclose(info.log_accept_ratio, 0.0)
    steps = (state.position.numpy() - before + np.pi) % (2.0 * np.pi) - np.pi
    np.testing.assert_allclose(steps.std(axis=0), 0.1 * np.pi, rtol=0.05)


def test_one_dimension_compiled():
    kernel = make(lambda x: -0.5 * tf.square(x[:, 0]), degrees_of_freedom=3)
    program = tf.function(kernel.step, jit_compile=True, autograph=False)
    state = kernel.init(np.random.default_rng(0).normal(size=(2000, 1)))
    for step in range(3):
        state, info = program(state, seed=tf.constant([1, step]))
    assert np.mean(info.is_accepted) > 0.8
    np.testing.assert_allclose(np.std(state.position), 1.0, atol=0.07)


def test_step_size_and_fit_change_without_a_new_trace():
    kernel = make(step_size=1.0, location=np.zeros(2), scale_tril=np.eye(2))
    state = kernel.init(start())
    propose = tf.function(lambda seed: kernel.propose(state, seed=seed).points)
    propose(tf.constant([1, 2]))
    kernel.step_size.assign(1e-6)
    np.testing.assert_allclose(propose(tf.constant([1, 2])), start(), atol=1e-3)
    kernel.step_size.assign(1.7)  # no more than 1 is ever used
    kernel.fit(location=[100.0, -50.0], scale_tril=0.01 * np.eye(2))
    points = propose(tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(np.median(points, axis=0), [100.0, -50.0], rtol=0.5)
    assert propose.experimental_get_tracing_count() == 1


def test_payload_follows_the_accepted_point():
    kernel = make(step_size=1.0)
    x = tf.constant(start())
    state = kernel.init(x, payload={"copy": x})
    request = kernel.propose(state, seed=(1, 2))
    answer = Evaluation(log_prob(request.points), None, {"copy": request.points})
    state, info = kernel.complete(request.carry, answer, seed=(3, 4))
    np.testing.assert_array_equal(state.payload["copy"], state.position)
    assert 0.0 < np.mean(info.is_accepted) < 1.0


def test_a_start_of_zero_density_moves():
    def half_plane(x):
        return tf.where(x[:, 0] > 0.0, log_prob(x), tf.constant(-np.inf, tf.float64))

    state, _ = run(make(half_plane, step_size=1.0), start(), steps=20)
    assert np.all(state.position[:, 0] > 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size": 0.0}, r"must lie in \(0, 1\]; got 0.0"),
        ({"step_size": 1.1}, r"must lie in \(0, 1\]; got 1.1"),
        ({"step_size": float("nan")}, r"must lie in \(0, 1\]; got nan"),
        ({"degrees_of_freedom": 0}, "must be at least 1; got 0"),
        ({"degrees_of_freedom": 2.5}, "must be an integer; got 2.5"),
        ({"location": LOCATION}, "given together; got only `location`"),
        ({"scale_tril": TRIL}, "given together; got only `scale_tril`"),
        ({"location": [0.0], "scale_tril": TRIL}, r"shape \[n, 1\]"),
        (
            {"location": LOCATION, "scale_tril": TRIL, "circular": CIRCULAR},
            r"each ordinary coordinate, \[1\]; got \[2\]",
        ),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigurationError, match=message):
        make(**options)


def test_a_reference_cannot_come_later_nor_change_its_size():
    with pytest.raises(ConfigurationError, match="built with `location`"):
        make().fit(location=LOCATION, scale_tril=TRIL)
    kernel = make(location=LOCATION, scale_tril=TRIL)
    with pytest.raises(ConfigurationError, match=r"\[2\]; got \[3\]"):
        kernel.fit(location=np.zeros(3), scale_tril=np.eye(3))
    with pytest.raises(ConfigurationError, match="built for 2 coordinates"):
        kernel.init(np.zeros((4, 3)), np.zeros(4))
