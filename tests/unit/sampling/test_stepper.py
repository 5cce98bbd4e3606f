"""The two steppers: bad values remembered or raised, parts compiled once."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.types import Request
from flowmc.sampling.stepper import GraphStepper, HostStepper, no_faults

START = np.random.default_rng(0).normal(size=(6, 2))


def log_prob(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def remembered(batches):
    """Evaluate batches of `(x, values)` one after the other; return the record."""
    stepper = GraphStepper(None)
    stepper.start(no_faults(2))
    cleaned = []
    for x, values in batches:
        values = tf.constant(values, tf.float64)
        stepper._log_prob_fn = lambda points, values=values: (values, ())
        request = Request(tf.constant(x, tf.float64), False, None)
        cleaned.append(stepper._evaluate(request).log_prob.numpy())
    return stepper.take(), cleaned


def rows(*numbers):
    return [[float(number), -float(number)] for number in numbers]


def test_good_values_pass_and_leave_no_trace():
    faults, (values,) = remembered([(rows(1, 2, 3), [0.0, -np.inf, 5.0])])
    np.testing.assert_array_equal(values, [0.0, -np.inf, 5.0])
    assert int(faults.num_nan) == int(faults.num_infinite) == 0


def test_bad_values_become_zero_density_and_the_first_is_kept():
    faults, values = remembered(
        [
            (rows(1, 2, 3), [0.0, 1.0, 2.0]),
            (rows(4, 5, 6), [0.0, np.nan, np.inf]),
            (rows(7, 8, 9), [1e300, np.nan, 0.0]),
        ]
    )
    np.testing.assert_array_equal(values[1], [0.0, -np.inf, -np.inf])
    np.testing.assert_array_equal(values[2], [-np.inf, -np.inf, 0.0])
    assert int(faults.num_nan) == 2
    assert int(faults.num_infinite) == 2
    np.testing.assert_array_equal(faults.x, [5.0, -5.0])
    assert np.isnan(faults.value)


def test_the_first_bad_value_is_kept_with_its_value():
    faults, _ = remembered([(rows(1, 2), [0.0, np.inf]), (rows(3, 4), [np.nan] * 2)])
    np.testing.assert_array_equal(faults.x, [2.0, -2.0])
    assert faults.value == np.inf


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
    assert steps.position.shape == (4, 6, 2)
    np.testing.assert_array_equal(steps.position[-1], state.position)
    moved = np.any(np.diff(steps.position, axis=0) != 0.0, axis=-1)
    np.testing.assert_array_equal(moved, steps.is_accepted[1:])


def test_graph_and_host_take_the_same_steps():
    kernel = kernels.make("random_walk", step_size=1.0)
    host, seed = make_host(), tf.constant([1, 2])
    expected, _ = host.repeat(kernel, start(host, kernel), num_steps=3, seed=seed)
    graph = GraphStepper(lambda x: (log_prob(x), ()))

    @tf.function(jit_compile=True, autograph=False)
    def program(seed):
        graph.start(no_faults(2))
        state = start(graph, kernel)
        state, steps = graph.repeat(kernel, state, num_steps=3, seed=seed)
        return state.position, steps.is_accepted, graph.take()

    position, _, faults = program(seed)
    np.testing.assert_allclose(position, expected.position, rtol=1e-12)
    assert int(faults.num_nan) == 0


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
        moved.append(np.mean(steps.is_accepted))
    assert moved[0] > moved[1]
    assert stepper.compile_seconds > 0.0


def test_exceptions_of_the_target_come_through():
    def fails(x):
        raise ZeroDivisionError("inside")

    kernel = kernels.make("random_walk")
    stepper = make_host(fails)
    with pytest.raises(ZeroDivisionError, match="inside"):
        stepper(kernel, start(stepper, kernel), seed=tf.constant([1, 2]))
