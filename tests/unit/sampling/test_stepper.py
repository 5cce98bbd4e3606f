"""The two steppers: the same steps, exceptions intact, parts compiled once."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError, LogProbError
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.stepper import GraphStepper

START = np.random.default_rng(0).normal(size=(6, 2))


def log_prob(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def make_host(function=None):
    function = function or (lambda x: -0.5 * np.sum(x**2, axis=-1))
    return HostStepper(lambda x: (function(x), ()))


def start(stepper, kernel):
    x = tf.constant(START)
    return stepper.init(kernel, x, log_prob(x))


def test_repeat_is_step_after_step():
    kernel = kernels.make("random_walk", step_size=1.0)
    stepper, seed = make_host(), tf.constant([1, 2])
    state, steps = stepper.repeat(
        kernel, start(stepper, kernel), num_steps=4, seed=seed
    )
    assert steps.columns[0].shape == (4, 6, 2)
    np.testing.assert_array_equal(steps.columns[0][-1], state.position)
    moved = np.any(np.diff(steps.columns[0], axis=0) != 0.0, axis=-1)
    np.testing.assert_array_equal(moved, steps.columns[2][1:])


def test_graph_and_host_take_the_same_steps():
    kernel = kernels.make("random_walk", step_size=1.0)
    host, seed = make_host(), tf.constant([1, 2])
    expected, _ = host.repeat(kernel, start(host, kernel), num_steps=3, seed=seed)
    graph = GraphStepper(lambda x: (log_prob(x), ()))

    @tf.function(jit_compile=True, autograph=False)
    def program(seed):
        state = start(graph, kernel)
        state, steps = graph.repeat(kernel, state, num_steps=3, seed=seed)
        return state.position, steps.tally

    position, tally = program(seed)
    np.testing.assert_allclose(position, expected.position, rtol=1e-12)
    counts = tally.as_dict()
    assert counts.pop("log_prob_calls") == 3 * len(START)
    assert not any(counts.values())


def test_each_kernel_has_its_own_programs():
    stepper, seed = make_host(), tf.constant([1, 2])
    moved = []
    for step_size in (1e-3, 10.0):
        # The first kernel is gone by the second turn; its programs must be too.
        kernel = kernels.make("random_walk", step_size=step_size)
        stepper.repeat(kernel, start(stepper, kernel), num_steps=1, seed=seed)
        state, steps = stepper.repeat(
            kernel, start(stepper, kernel), num_steps=1, seed=seed
        )
        moved.append(np.mean(steps.columns[2]))
    assert moved[0] > moved[1]
    assert stepper.compile_seconds > 0.0


def test_exceptions_of_the_target_come_through():
    def fails(x):
        raise ZeroDivisionError("inside")

    kernel = kernels.make("random_walk")
    stepper = make_host(fails)
    with pytest.raises(ZeroDivisionError, match="inside"):
        stepper(kernel, start(stepper, kernel), seed=tf.constant([1, 2]))


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, LogProbError])
def test_exceptions_come_through_a_whole_step_too(error):
    def fails(x):
        raise error("inside")

    kernel = kernels.make("mala")
    stepper = HostStepper(lambda x: (np.zeros(len(x)), ()), fails)
    with pytest.raises(error, match="inside"):
        start(stepper, kernel)


def test_a_target_without_gradient_says_what_it_needs():
    kernel = kernels.make("hmc")
    stepper = HostStepper(lambda x: (np.zeros(len(x)), ()))
    with pytest.raises(ConfigurationError, match="value_and_gradient_fn"):
        start(stepper, kernel)


def test_a_payload_follows_whole_steps():
    def evaluate(x):
        values = -0.5 * np.sum(x**2, axis=-1)
        return values, tf.constant(x[:, 0])

    stepper = HostStepper(evaluate, lambda x: (evaluate(x)[0], -x))
    kernel = kernels.make("mala", step_size=1.0)
    x = tf.constant(START)
    state = stepper.init(kernel, x, log_prob(x), x[:, 0])
    state, info = stepper(kernel, state, seed=tf.constant([1, 2]))
    assert np.any(info.is_accepted)
    np.testing.assert_array_equal(state.payload, state.position[:, 0])
