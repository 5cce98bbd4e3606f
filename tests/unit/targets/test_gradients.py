"""Gradients, XLA, and the masks that keep them clean."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import LogProbError, TargetError
from flowmc.targets import Target

PRIOR = {
    "a": tfd.Normal(0.0, 2.0),
    "b": tfd.Uniform(0.0, 1.0),
    "c": tfd.Gamma(2.0, 1.0),
}
THETA = np.array(
    [[0.3, 0.2, 1.0], [-1.0, 0.9, 0.5], [0.3, -0.2, 1.0], [0.3, 0.2, -1.0]]
)


def likelihood(theta):
    # NaN, in value and gradient, wherever b or c is negative.
    logs = tf.math.log(theta[:, 1]) + tf.sqrt(theta[:, 2])
    return logs - 0.5 * tf.square(theta[:, 0])


@pytest.fixture(scope="module")
def target():
    return Target(log_likelihood_fn=likelihood, prior=PRIOR)


def expected_gradient(theta):
    a, b, c = theta.T
    return np.stack([-a - a / 4.0, 1.0 / b, 0.5 / np.sqrt(c) + 1.0 / c - 1.0], axis=-1)


def test_graph_gradient(target):
    values, gradient = target.value_and_gradient(THETA)
    np.testing.assert_allclose(values, target.log_prob(THETA))
    np.testing.assert_allclose(gradient[:2], expected_gradient(THETA[:2]), rtol=1e-12)
    np.testing.assert_array_equal(gradient[2:], np.zeros((2, 3)))
    value, one = target.value_and_gradient(THETA[0])
    assert value == values[0]
    np.testing.assert_array_equal(one, gradient[0])


def test_gradients_are_counted_apart():
    target = Target(log_likelihood_fn=likelihood, prior=PRIOR)
    target.value_and_gradient(THETA[:2])
    assert (target.num_evaluations, target.num_gradients) == (0, 2)


@pytest.mark.parametrize("name", ["log_prob", "log_prior", "log_likelihood"])
def test_graph_functions_compile_with_xla(target, name):
    function = getattr(target, f"graph_{name}_fn")
    compiled = tf.function(function, jit_compile=True, autograph=False)
    expected = getattr(target, name)(THETA)
    np.testing.assert_allclose(compiled(tf.constant(THETA)), expected, rtol=1e-12)
    np.testing.assert_allclose(function(tf.constant(THETA)), expected, rtol=1e-12)


def test_xla_gradients_do_not_catch_nan_from_outside_the_support(target):
    @tf.function(jit_compile=True, autograph=False)
    def gradient(theta):
        with tf.GradientTape() as tape:
            tape.watch(theta)
            value = tf.reduce_sum(tf.where(True, target.graph_log_prob_fn(theta), 0.0))
        return tape.gradient(value, theta)

    result = gradient(tf.constant(THETA)).numpy()
    np.testing.assert_allclose(result[:2], expected_gradient(THETA[:2]), rtol=1e-10)
    np.testing.assert_array_equal(result[2:], np.zeros((2, 3)))


def test_bounds_alone_keep_gradients_clean():
    target = Target(
        lambda x: tf.reduce_sum(tf.sqrt(x) + tf.math.log(x), axis=-1),
        bounds={"a": (0.0, np.inf), "b": (0.0, 4.0)},
    )
    theta = tf.constant(
        [[1.0, 0.25], [-1.0, 0.25], [1.0, -3.0], [np.nan, 1.0]], tf.float64
    )
    shift = tf.zeros_like(theta)
    with tf.GradientTape() as tape:
        tape.watch(shift)
        value = target.graph_log_prob_fn(theta + shift)
    gradient = tape.gradient(value, shift).numpy()
    np.testing.assert_allclose(gradient[0], [1.5, 5.0])
    np.testing.assert_array_equal(gradient[1:], np.zeros((3, 2)))


def test_supports_that_depend_on_other_parameters():
    joint = tfd.JointDistributionNamed(
        {
            "a": tfd.Uniform(np.float64(0.0), 1.0),
            "b": lambda a: tfd.Uniform(np.float64(0.0), a),
        }
    )
    target = Target(log_likelihood_fn=lambda x: tf.sqrt(x[:, 0] - x[:, 1]), prior=joint)
    values, gradient = target.value_and_gradient([[0.5, 0.25], [0.25, 0.5]])
    np.testing.assert_allclose(values, [0.5 - np.log(0.5), -np.inf])
    np.testing.assert_allclose(gradient, [[1.0 - 2.0, -1.0], [0.0, 0.0]])


def test_scalar_tensorflow_functions_compile():
    target = Target(lambda x: -tf.reduce_sum(x**4), names=["a", "b"], vectorized=False)
    compiled = tf.function(target.graph_log_prob_fn, jit_compile=True, autograph=False)
    theta = np.array([[1.0, 2.0], [0.5, 0.0]])
    np.testing.assert_allclose(compiled(tf.constant(theta)), [-17.0, -0.0625])


def test_one_trace_serves_every_batch_size():
    traces = []

    def counted(theta):
        traces.append(1)
        return -tf.reduce_sum(theta**2, axis=-1)

    target = Target(counted, names=["a", "b"])
    target.log_prob(np.zeros((5, 2)))
    before = len(traces)
    for n in (1, 2, 7, 64):
        target.log_prob(np.zeros((n, 2)))
    assert len(traces) == before


@pytest.mark.parametrize("vectorized", [True, False])
def test_host_gradients(vectorized):
    def value(theta):
        return -0.5 * np.sum(theta**2, axis=-1)

    def both(theta):
        return value(theta), -theta

    plain = Target(
        value, names=["a", "b"], value_and_gradient_fn=both, vectorized=vectorized
    )
    assert plain.backend == "numpy"
    assert plain.has_gradient
    theta = np.array([[1.0, 2.0], [0.5, 0.25]])
    values, gradient = plain.value_and_gradient(theta)
    np.testing.assert_allclose(values, value(theta))
    np.testing.assert_allclose(gradient, -theta)
    assert (plain.num_evaluations, plain.num_gradients) == (0, 2)
    pair = Target(
        log_likelihood_fn=value,
        prior={"a": stats.norm(0.0, 2.0), "b": stats.uniform(0.0, 1.0)},
        value_and_gradient_fn=both,
        vectorized=vectorized,
    )
    values, gradient = pair.value_and_gradient(theta)
    np.testing.assert_allclose(values, pair.log_prob(theta))
    np.testing.assert_allclose(gradient, [[0.0, 0.0], [-0.5 - 0.125, -0.25]])


def test_host_gradients_are_checked():
    def value(theta):
        return -0.5 * np.sum(theta**2, axis=-1)

    def make(function, **options):
        return Target(
            value, names=["a", "b"], value_and_gradient_fn=function, **options
        )

    with pytest.raises(TargetError, match="must give the values of `log_prob_fn`"):
        make(lambda x: (value(x) + 1.0, -x))
    with pytest.raises(TargetError, match=r"gradients of shape \[3, 2\]"):
        make(lambda x: (value(x), -x[:, 0]))
    with pytest.raises(TargetError, match="must return a pair"):
        make(value)
    with pytest.raises(TargetError, match="needs a prior that has a gradient"):
        Target(
            log_likelihood_fn=value,
            prior={"a": stats.weibull_min(1.5)},
            value_and_gradient_fn=lambda x: (value(x), -x),
        )

    def sick(theta):
        return value(theta), np.where(theta > 5.0, np.nan, -theta)

    with pytest.raises(LogProbError, match="gradient of .* must be finite.* at a=6.0"):
        make(sick).value_and_gradient([[0.0, 0.0], [6.0, 0.0]])
    lenient = make(sick, on_nan="reject")
    _, gradient = lenient.value_and_gradient([[6.0, 1.0]])
    np.testing.assert_array_equal(gradient, [[0.0, 0.0]])
    assert lenient.num_nan == 1


def test_no_gradient_without_a_function():
    target = Target(lambda x: -np.sum(x**2, axis=-1), names=["a"])
    assert not target.has_gradient
    with pytest.raises(TargetError, match="Gradients need a TensorFlow function or"):
        target.value_and_gradient([0.0])
