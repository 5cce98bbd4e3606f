"""Which functions run in the graph, which on the host, and which are refused."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import LogProbError, TargetError
from flowmc.targets import Target

NAMES = ["a", "b"]
THETA = np.array([[0.3, 0.2], [-1.0, 0.9], [0.5, 1.5]])
EXPECTED = -0.5 * np.sum(THETA**2, axis=-1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: -0.5 * np.sum(x**2, axis=-1),
        lambda x: -0.5 * (x**2).sum(axis=-1),
        lambda x: stats.norm.logpdf(x).sum(axis=-1) + np.log(2 * np.pi),
        lambda x: [-0.5 * float(row @ row) for row in x],
        lambda x: -0.5 * np.einsum("ni,ni->n", x, x)[:, None],
        lambda x: tf.constant(-0.5 * np.sum(x**2, axis=-1)),
    ],
    ids=["sum", "method", "scipy", "list", "column", "tensor"],
)
def test_numpy_functions_run_on_the_host(function):
    target = Target(function, names=NAMES)
    assert target.backend == "numpy"
    assert "tracing raised" in target.backend_reason
    assert target.graph_log_prob_fn is None
    np.testing.assert_allclose(target.log_prob(THETA), EXPECTED, rtol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: -0.5 * tf.reduce_sum(x**2, axis=-1),
        lambda x: -0.5 * tf.reduce_sum(x**2, axis=-1, keepdims=True),
        lambda x: -0.5 * (x[:, 0] ** 2 + x[:, 1] ** 2),
        tf.function(lambda x: -0.5 * tf.reduce_sum(x**2, axis=-1)),
        lambda x: tf.cast(-0.5 * tf.reduce_sum(x**2, axis=-1), tf.float64),
    ],
    ids=["plain", "column", "operators", "tf.function", "cast"],
)
def test_tensorflow_functions_run_in_the_graph(function):
    target = Target(function, names=NAMES)
    assert target.backend == "tensorflow"
    np.testing.assert_allclose(target.log_prob(THETA), EXPECTED, rtol=1e-12)


def test_the_backend_can_be_demanded():
    def plain(theta):
        return -0.5 * (theta[:, 0] ** 2 + theta[:, 1] ** 2)

    assert Target(plain, names=NAMES, backend="numpy").backend == "numpy"
    with pytest.raises(TargetError, match="needs a TensorFlow function.*is none"):
        Target(lambda x: np.sum(x, -1), names=NAMES, backend="tensorflow")
    # A pool of one is no pool.
    assert Target(plain, names=NAMES, pool=1).backend == "tensorflow"
    with ThreadPoolExecutor(2) as pool:
        assert Target(plain, names=NAMES, pool=pool).backend == "numpy"
        with pytest.raises(TargetError, match="a pool runs NumPy functions"):
            Target(plain, names=NAMES, backend="tensorflow", pool=pool)
    with pytest.raises(TargetError, match="no TensorFlow density"):
        Target(
            log_likelihood_fn=plain,
            prior={"a": stats.weibull_min(1.5), "b": stats.norm()},
            backend="tensorflow",
        )


def test_python_state_frozen_by_tracing_is_found():
    def two_faced(theta):
        offset = 0.0 if tf.executing_eagerly() else 1.0
        return offset - 0.5 * tf.reduce_sum(theta**2, axis=-1)

    target = Target(two_faced, names=NAMES)
    assert target.backend == "numpy"
    assert "Python state" in target.backend_reason


def test_single_precision_functions_are_called_in_single_precision():
    def single(theta):
        return tfd.Normal(0.0, 1.0).log_prob(theta[:, 0])

    with pytest.warns(UserWarning, match="computes in float32 only"):
        target = Target(single, names=NAMES)
    assert target.backend == "tensorflow"
    assert "float32" in target.notes[0]
    values = target.log_prob(THETA)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, stats.norm.logpdf(THETA[:, 0]), rtol=1e-6)


def test_large_single_precision_values_are_reported():
    def offset(theta):
        return (1e7 - np.sum(theta**2, axis=-1)).astype(np.float32)

    with pytest.warns(UserWarning, match="rounded by about 0.6"):
        Target(offset, names=NAMES)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: -0.5 * tf.reduce_sum(x**2),
        lambda x: -0.5 * np.sum(x**2),
        lambda x: -0.5 * np.sum(x**2, axis=0),
        lambda x: 0.0,
        lambda x: np.zeros(7),
        lambda x: -0.5 * x**2,
        lambda x: tf.zeros_like(x),
    ],
    ids=["tf sum", "np sum", "wrong axis", "constant", "seven", "matrix", "tf matrix"],
)
def test_wrong_shapes_are_refused_with_both_shapes(function):
    with pytest.raises(TargetError, match=r"shape \[[23]\]; got shape \[.*\] for [23]"):
        Target(function, names=NAMES)


def test_points_of_a_batch_must_not_be_coupled():
    with pytest.raises(TargetError, match="treat the points of a batch apart"):
        Target(lambda x: tf.zeros_like(x[:, 0]) - tf.reduce_sum(x**2), names=NAMES)
    with pytest.raises(TargetError, match="treat the points of a batch apart"):
        Target(lambda x: np.full(len(x), -np.sum(x**2)), names=NAMES)


def test_noise_is_refused_unless_allowed():
    rng = np.random.default_rng(0)
    functions = [
        lambda x: rng.standard_normal(len(x)),
        lambda x: x[:, 0] + rng.standard_normal(),
        lambda x: x[:, 0] + tf.random.normal([tf.shape(x)[0]], dtype=tf.float64),
    ]
    for function in functions:
        with pytest.raises(TargetError, match="same value twice"):
            Target(function, names=NAMES)
    made = [Target(f, names=NAMES, allow_noisy=True) for f in functions]
    assert [target.backend for target in made] == ["numpy", "numpy", "tensorflow"]
    assert made[0].fingerprint()["log_prob"] == []


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: None, "None"),
        (lambda x: "fine", "string"),
        (lambda x: np.sum(x, -1) * 1j, "complex128"),
        (lambda x: tf.complex(x[:, 0], x[:, 1]), "complex128"),
        (lambda x: np.array([None] * int(np.shape(x)[0])), "object"),
        (lambda x: np.array(["1.0"] * int(np.shape(x)[0])), "<U3"),
        (lambda x: np.sum(x, -1) > 0.0, "bool"),
        (lambda x: [[1.0], [1.0, 2.0], [np.sum(x)]], "list"),
        (lambda x: {"value": np.sum(x)}, "object"),
    ],
)
def test_wrong_types_are_named(function, name):
    with pytest.raises(TargetError, match=f"must return .*numbers.*{name}"):
        Target(function, names=NAMES)


@pytest.mark.parametrize(
    "result",
    [1.5, np.float32(1.5), np.array(1.5), np.array([1.5]), [[1.5]], tf.constant(1.5)],
    ids=["float", "float32", "0-d", "[1]", "[1, 1]", "tensor"],
)
def test_scalar_results_of_every_kind(result):
    target = Target(lambda x: result, names=NAMES, vectorized=False, backend="numpy")
    np.testing.assert_array_equal(target.log_prob(THETA), [1.5] * 3)


@pytest.mark.parametrize("result", [None, "x", 1j, [1.0, 2.0], np.array([])])
def test_wrong_scalar_results(result):
    with pytest.raises(TargetError, match="log_prob_fn"):
        Target(lambda x: result, names=NAMES, vectorized=False, backend="numpy")


def test_functions_that_raise_inside_the_prior_are_found_at_once():
    def broken(theta):
        raise OSError("no data")

    with pytest.raises(LogProbError, match="raised OSError: no data at a=") as caught:
        Target(log_likelihood_fn=broken, prior={"a": stats.norm()})
    assert isinstance(caught.value.__cause__, OSError)


def test_raising_outside_a_domain_is_no_error_of_set_up():
    def choosy(theta):
        if np.any(theta < 1e4):
            raise ValueError("too cold")
        return -theta[:, 0]

    target = Target(choosy, names=["temperature"])
    assert target.log_prob([2e4]) == -2e4

    def misspelt(theta):
        return nmupy.sum(theta)  # noqa: F821

    with pytest.raises(LogProbError, match="NameError"):
        Target(misspelt, names=["a"])
