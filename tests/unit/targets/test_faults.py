"""Bad values and exceptions: typed, named, counted, and never accepted."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import LogProbError, TargetError
from flowmc.targets import Target
from tests.unit.parallel import functions

NAMES = ["mass", "spin"]
THETA = np.array([[0.25, 0.5], [2.0, 0.125], [0.5, 3.0]])


def sick(value, *, backend):
    """Return a target that gives `value` where mass > 1."""
    if backend == "numpy":

        def function(theta):
            return np.where(theta[:, 0] > 1.0, value, -np.sum(theta**2, axis=-1))
    else:

        def function(theta):
            bad = tf.constant(value, tf.float64)
            return tf.where(theta[:, 0] > 1.0, bad, -tf.reduce_sum(theta**2, axis=-1))

    return function


@pytest.fixture(params=["numpy", "tensorflow"])
def backend(request):
    return request.param


def test_nan_raises_naming_parameters_and_values(backend):
    target = Target(sick(np.nan, backend=backend), names=NAMES)
    with pytest.raises(
        LogProbError, match=r"got nan at mass=2.0, spin=0.125"
    ) as caught:
        target.log_prob(THETA)
    assert isinstance(caught.value, ValueError)
    assert caught.value.names == ("mass", "spin")
    np.testing.assert_array_equal(caught.value.theta, [2.0, 0.125])
    np.testing.assert_array_equal(target.bad_values, [[2.0, 0.125]])


def test_nan_is_rejected_and_counted_where_asked(backend):
    target = Target(sick(np.nan, backend=backend), names=NAMES, on_nan="reject")
    values = target.log_prob(THETA)
    np.testing.assert_array_equal(np.isneginf(values), [False, True, False])
    assert target.num_nan == 1
    np.testing.assert_array_equal(target.bad_values, [[2.0, 0.125]])
    target.log_prob(np.full((30, 2), 2.0))
    assert target.num_nan == 31
    assert len(target.bad_values) == 10


@pytest.mark.parametrize("value", [np.inf, 1.797e308, 1e300])
@pytest.mark.parametrize("on_nan", ["raise", "reject"])
def test_plus_infinity_always_raises(backend, value, on_nan):
    target = Target(sick(value, backend=backend), names=NAMES, on_nan=on_nan)
    with pytest.raises(
        LogProbError, match="unbounded there, or the function has a bug"
    ):
        target.log_prob(THETA)


def test_minus_infinity_and_its_stand_in_are_zero_density(backend):
    for value in (-np.inf, np.nan_to_num(-np.inf)):
        target = Target(sick(value, backend=backend), names=NAMES)
        assert target.log_prob(THETA)[1] == -np.inf


def test_constant_densities_are_fine(backend):
    zeros = np.zeros_like if backend == "numpy" else tf.zeros_like
    target = Target(lambda x: zeros(x[:, 0]), names=NAMES, backend=backend)
    np.testing.assert_array_equal(target.log_prob(THETA), np.zeros(3))


def test_compiled_blocks_raise_the_same_error(backend):
    target = Target(sick(np.nan, backend=backend), names=NAMES)
    with pytest.raises(LogProbError, match="got nan at mass=2.0, spin=0.125"):
        target.raise_bad_value(tf.constant([2.0, 0.125]), tf.constant(np.nan))
    assert len(target.bad_values) == 1


def raise_at_large_mass(theta):
    if np.any(theta[..., 0] > 1.0):
        raise ZeroDivisionError("singular")
    return -np.sum(theta**2, axis=-1)


@pytest.mark.parametrize("vectorized", [True, False])
def test_exceptions_are_chained_and_located(vectorized):
    target = Target(raise_at_large_mass, names=NAMES, vectorized=vectorized)
    expected = "raised ZeroDivisionError: singular at mass=2.0, spin=0.125"
    with pytest.raises(LogProbError, match=expected) as caught:
        target.log_prob(THETA)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    np.testing.assert_array_equal(caught.value.theta, [2.0, 0.125])


@pytest.mark.parametrize("vectorized", [True, False])
def test_exceptions_are_rejected_where_asked(vectorized):
    target = Target(
        raise_at_large_mass, names=NAMES, vectorized=vectorized, on_crash="reject"
    )
    values = target.log_prob(np.concatenate([THETA, THETA + 1.5]))
    is_good = np.isfinite(values)
    np.testing.assert_array_equal(is_good, [True, False, True, False, False, False])
    np.testing.assert_allclose(values[0], -0.3125)
    assert target.num_crashed == 4


def test_graph_exceptions_are_located_too():
    def needs_positive(theta):
        shape = [tf.shape(theta)[0], 1, 1]
        factor = tf.linalg.cholesky(tf.reshape(theta[:, 0], shape))
        return -tf.square(factor[:, 0, 0]) - tf.square(theta[:, 1])

    options = {"names": NAMES, "bounds": [(-9.0, 9.0)] * 2, "backend": "tensorflow"}
    start = [[1.0, 0.0], [-1.0, 0.5]]
    target = Target(needs_positive, **options)
    with pytest.raises(LogProbError, match="mass=-1.0"):
        target.log_prob(start)


def test_failures_of_the_batch_alone_are_told():
    def only_small(theta):
        if len(theta) > 3:
            raise MemoryError("too many")
        return -np.sum(theta**2, axis=-1)

    target = Target(only_small, names=NAMES)
    with pytest.raises(LogProbError, match="MemoryError on a batch of 6 points"):
        target.log_prob(np.concatenate([THETA, THETA]))


def test_interrupts_pass_untouched():
    armed = []

    def interrupted(theta):
        if armed:
            raise KeyboardInterrupt
        return -np.sum(theta**2, axis=-1)

    target = Target(interrupted, names=NAMES, on_crash="reject")
    armed.append(True)
    with pytest.raises(KeyboardInterrupt):
        target.log_prob(THETA)


def test_a_wrong_shape_later_on_is_typed():
    def short(theta):
        return -np.sum(theta**2, axis=-1)[: max(len(theta), 3) if len(theta) < 4 else 3]

    target = Target(short, names=NAMES)
    with pytest.raises(TargetError, match=r"shape \[4\]; got shape \[3\]"):
        target.log_prob(np.zeros((4, 2)))


def test_noisy_printing_functions_do_no_harm(capsys):
    import warnings

    def chatty(theta):
        for _ in range(500):
            warnings.warn("again", RuntimeWarning, stacklevel=1)
        return -np.sum(theta**2, axis=-1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(Target(chatty, names=NAMES).log_prob(THETA)).all()


@pytest.mark.parametrize("vectorized", [True, False])
def test_pools_give_the_values_of_a_serial_run(vectorized):
    options = {"names": NAMES, "vectorized": vectorized}
    theta = np.random.default_rng(0).standard_normal((11, 2))
    serial = Target(functions.log_prob, **options)
    pooled = Target(functions.log_prob, **options, pool=2)
    assert pooled.backend == "numpy"
    np.testing.assert_array_equal(pooled.log_prob(theta), serial.log_prob(theta))
    assert pooled.num_evaluations == 11


@pytest.mark.parametrize("vectorized", [True, False])
def test_failures_in_a_pool_are_located(vectorized):
    theta = np.random.default_rng(0).standard_normal((6, 2))
    theta[4] = [60.0, 0.5]
    options = {"names": NAMES, "vectorized": vectorized, "pool": 2}
    target = Target(functions.log_prob_fails_at_corner, **options)
    expected = "raised RuntimeError: corner at mass=60.0, spin=0.5"
    with pytest.raises(LogProbError, match=expected) as caught:
        target.log_prob(theta)
    assert "Traceback" in str(caught.value.__cause__)
    target = Target(functions.log_prob_dies_at_corner, on_crash="reject", **options)
    values = target.log_prob(theta)
    np.testing.assert_array_equal(np.isneginf(values), np.arange(6) == 4)
    assert target.num_crashed == 1


def test_unpicklable_functions_are_refused_before_sampling():
    with pytest.raises(TargetError, match="can be pickled"):
        Target(lambda x: -np.sum(x**2, axis=-1), names=NAMES, pool=2)


def test_prior_support_is_never_left():
    seen = []

    def watched(theta):
        seen.append(np.array(theta))
        return np.sum(np.sqrt(theta), axis=-1)

    prior = {"a": stats.expon(), "b": stats.beta(0.5, 0.5)}
    target = Target(log_likelihood_fn=watched, prior=prior, backend="numpy")
    edges = [[0.0, 0.5], [1.0, 0.0], [1.0, 1.0], [-1e-300, 0.5], [1.0, 1.0 + 1e-15]]
    values = target.log_prob(edges)
    np.testing.assert_array_equal(np.isfinite(values), [True] + [False] * 4)
    assert np.concatenate(seen).min() >= 0.0


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_nan_far_outside_the_prior_is_zero_density(backend):
    """Heavy tails propose where functions overflow; the prior is zero there anyhow."""
    library = {"numpy": np, "tensorflow": tf}[backend]

    def overflowing(theta):
        with np.errstate(over="ignore", invalid="ignore"):
            rate = library.exp(theta[:, 0])
            return theta[:, 0] * 0.0 + rate - rate - 0.5 * theta[:, 1] ** 2

    prior = {name: tfd.Normal(np.float64(0.0), np.float64(10.0)) for name in NAMES}
    target = Target(log_likelihood_fn=overflowing, prior=prior, backend=backend)
    far, near = [750.0, 0.1], [20.0, 0.1]
    assert target.log_prob([far, near])[0] == -np.inf
    assert target.log_likelihood([far, near])[0] == -np.inf
    assert np.isfinite(target.log_prob([far, near])[1])
    assert target.num_nan == 0

    def sick_where_it_matters(theta):
        return library.where(theta[:, 0] > 150.0, np.float64("nan"), overflowing(theta))

    target = Target(
        log_likelihood_fn=sick_where_it_matters, prior=prior, backend=backend
    )
    assert np.isfinite(target.log_prob([20.0, 0.1]))
    with pytest.raises(LogProbError, match="got nan"):
        target.log_prob([180.0, 0.1])  # 18 standard deviations may matter


@pytest.mark.parametrize("event_size", [2, 300])
def test_nan_within_reach_of_the_prior_is_an_error_in_any_dimension(event_size):
    def sick(theta):
        return np.where(np.all(theta > 7.0, axis=-1), np.nan, 0.0)

    prior = {f"x{i}": stats.norm() for i in range(event_size)}
    target = Target(log_likelihood_fn=sick, prior=prior)
    with pytest.raises(LogProbError, match="got nan"):
        target.log_prob(np.full(event_size, 8.0))
    assert target.log_prob(np.full(event_size, 60.0)) == -np.inf


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_nan_beside_a_bound_is_zero_density(backend):
    library = {"numpy": np, "tensorflow": tf}[backend]

    def sick(theta):
        mass, angle = theta[:, 0], theta[:, 1]
        is_bad = (mass < 1e-60) | (angle == 0.0)
        return library.where(is_bad, np.float64("nan"), -mass)

    uniform = tfd.Uniform(np.float64(0.0), np.float64(1.0))
    target = Target(
        log_likelihood_fn=sick,
        prior=dict.fromkeys(NAMES, uniform),
        periodic=["spin"],
        backend=backend,
    )
    assert target.log_prob([1e-150, 0.5]) == target.log_prob([0.0, 0.5]) == -np.inf
    for point in ([1e-70, 0.5], [1e-3, 0.0]):  # the circle has no end
        with pytest.raises(LogProbError, match="got nan"):
            target.log_prob(point)
