"""The Target as users and samplers see it: values, counts, bounds, prior, repr."""

import time

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import ConfigurationError, TargetError
from flowmc.targets import Target

THETA = np.array([[0.3, 0.2], [-1.0, 0.9], [0.5, 1.5]])  # the last is outside
PRIOR = {"a": stats.norm(0.0, 2.0), "b": stats.uniform(0.0, 1.0)}


def graph_likelihood(theta):
    return -0.5 * tf.reduce_sum(tf.square(theta - 0.1), axis=-1) + tf.math.log(
        theta[:, 1]
    )


def host_likelihood(theta):
    if np.any(theta[:, 1] > 1.0):
        raise AssertionError("called outside the prior")
    return -0.5 * np.sum((theta - 0.1) ** 2, axis=-1) + np.log(theta[:, 1])


@pytest.fixture(params=["tensorflow", "numpy"])
def target(request):
    function = graph_likelihood if request.param == "tensorflow" else host_likelihood
    made = Target(log_likelihood_fn=function, prior=PRIOR)
    assert made.backend == request.param
    return made


def test_values_are_prior_plus_likelihood(target):
    prior = stats.norm(0.0, 2.0).logpdf(THETA[:2, 0])
    likelihood = host_likelihood(THETA[:2])
    values = target.log_prob(THETA)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, [*(prior + likelihood), -np.inf], rtol=1e-12)
    np.testing.assert_allclose(target.log_prior(THETA), [*prior, -np.inf], rtol=1e-12)
    expected = [*likelihood, -np.inf]
    np.testing.assert_allclose(target.log_likelihood(THETA), expected, rtol=1e-12)


def test_one_point_gives_a_float(target):
    value = target.log_prob(THETA[0])
    assert isinstance(value, float)
    assert value == target.log_prob(THETA)[0]
    assert target.log_prob(list(THETA[0])) == value
    assert target.log_prob(THETA[2]) == -np.inf


def test_counts(target):
    assert target.num_evaluations == 0
    target.log_prob(THETA[:2])
    assert target.num_evaluations == 2
    target.log_prior(THETA)
    assert target.num_evaluations == 2
    target.log_likelihood(THETA[:1])
    assert target.num_evaluations == 3
    target.count(10, 5)
    assert (target.num_evaluations, target.num_gradients) == (13, 5)
    target.count(0, num_nan=2)
    assert target.num_nan == 2


def test_points_that_are_not_finite_have_zero_density(target):
    bad = [[np.nan, 0.5], [np.inf, 0.5], [0.0, -np.inf]]
    np.testing.assert_array_equal(target.log_prob(bad), np.full(3, -np.inf))


def test_empty_batches(target):
    assert target.log_prob(np.empty((0, 2))).shape == (0,)


def test_what_the_rooms_above_read(target):
    assert target.event_size == 2
    assert target.names == target.labels == ("a", "b")
    np.testing.assert_array_equal(target.bounds, [[-np.inf, np.inf], [0.0, 1.0]])
    assert target.periodic == ()
    assert target.has_prior
    assert target.can_sample_prior
    assert target.on_nan == "raise"
    assert repr(target).startswith("<Target [a, b] D=2, with prior, ")


def test_prior_draws_are_determined_by_the_seed(target):
    draws = target.sample_prior(500, seed=3)
    assert draws.shape == (500, 2)
    np.testing.assert_array_equal(draws, target.sample_prior(500, seed=3))
    assert not np.array_equal(draws, target.sample_prior(500, seed=4))
    assert np.isfinite(target.log_prior(draws)).all()


@pytest.mark.parametrize(
    "theta", [[0.0], [[0.0, 0.0, 0.0]], [[[0.0, 0.0]]], ["a", "b"]]
)
def test_wrong_points_are_refused(target, theta):
    with pytest.raises(ConfigurationError, match="`theta` must be"):
        target.log_prob(theta)


def test_theta_is_not_written_to():
    def mutating(theta):
        value = -0.5 * np.sum(theta**2, axis=-1)
        theta[:] = 99.0
        return value

    before = THETA.copy()
    target = Target(mutating, names=["a", "b"])
    target.log_prob(THETA)
    np.testing.assert_array_equal(THETA, before)


def test_bounds_cut_a_log_density():
    for function in (lambda x: -np.sum(x, axis=-1), lambda x: -tf.reduce_sum(x, -1)):
        target = Target(function, bounds={"a": (0.0, np.inf), "b": (0.0, 1.0)})
        assert target.names == ("a", "b")
        values = target.log_prob([[0.5, 0.5], [-0.5, 0.5], [0.5, 1.5]])
        np.testing.assert_allclose(values, [-1.0, -np.inf, -np.inf])
        assert not target.has_prior
        with pytest.raises(TargetError, match="`log_prior` needs"):
            target.log_prior([0.5, 0.5])
        with pytest.raises(TargetError, match="`log_likelihood` needs"):
            target.log_likelihood([0.5, 0.5])
        with pytest.raises(TargetError, match="`sample_prior` needs"):
            target.sample_prior(3, seed=0)


def test_scalar_functions():
    def one(theta):
        assert theta.shape == (2,)
        return float(-0.5 * theta @ theta)

    def one_in_tensorflow(theta):
        return -0.5 * tf.reduce_sum(theta**2)

    for function in (one, one_in_tensorflow):
        target = Target(function, names=["a", "b"], vectorized=False)
        expected = -0.5 * np.sum(THETA**2, axis=-1)
        np.testing.assert_allclose(target.log_prob(THETA), expected, rtol=1e-14)
    assert target.backend == "tensorflow"


def test_circles():
    target = Target(
        lambda x: tf.cos(x[:, 0]),
        bounds=[(-np.pi, np.pi)],
        names=["phi"],
        periodic=["phi"],
    )
    assert target.periodic == (0,)
    vonmises = Target(
        log_likelihood_fn=lambda x: np.cos(x[:, 0]),
        prior={"phi": tfd.VonMises(np.float64(3.0), 1.0)},
        periodic="phi",
    )
    draws = vonmises.sample_prior(200, seed=0)
    assert np.all(np.abs(draws) <= np.pi)


def test_prior_transform_gives_starting_points_only():
    target = Target(
        lambda x: -np.sum(x**2, axis=-1),
        bounds=[(0.0, 2.0)] * 2,
        prior_transform=lambda u: 2.0 * u,
    )
    draws = target.sample_prior(1000, seed=1)
    assert not target.has_prior
    assert target.can_sample_prior
    assert abs(draws.mean() - 1.0) < 4.0 * 2.0 / np.sqrt(12 * 2000)
    with pytest.raises(TargetError, match="has no density. Give `prior=` as well"):
        Target(log_likelihood_fn=host_likelihood, prior_transform=lambda u: u)
    with pytest.raises(TargetError, match="inside the bounds"):
        Target(
            lambda x: -np.sum(x**2, axis=-1),
            bounds=[(0.0, 1.0)] * 2,
            prior_transform=lambda u: 2.0 * u,
        )
    with pytest.raises(TargetError, match="raised IndexError in the unit cube"):
        Target(
            lambda x: -np.sum(x**2, -1), event_size=2, prior_transform=lambda u: u[:, 5]
        )
    with pytest.raises(TargetError, match="must return shape"):
        Target(
            lambda x: -np.sum(x**2, -1),
            event_size=2,
            prior_transform=lambda u: u[:, :1],
        )


def test_prior_transform_agrees_with_the_prior():
    with pytest.raises(TargetError, match="inside the bounds and the prior"):
        Target(
            log_likelihood_fn=lambda x: -np.sum(x, axis=-1),
            prior={"a": stats.uniform(0.0, 1.0)},
            prior_transform=lambda u: u + 1.0,
        )


def test_bounds_may_repeat_the_prior_but_not_cut_it():
    options = {"log_likelihood_fn": graph_likelihood, "prior": PRIOR}
    wide = Target(**options, bounds=[(-np.inf, np.inf), (0.0, 1.0)])
    np.testing.assert_array_equal(wide.bounds, [[-np.inf, np.inf], [0.0, 1.0]])
    with pytest.raises(TargetError, match="must not cut the prior; `b`"):
        Target(**options, bounds=[(-np.inf, np.inf), (0.0, 0.5)])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "exactly one of .* got neither"),
        ({"log_prob_fn": min, "log_likelihood_fn": min}, "got both"),
        ({"log_prob_fn": 3.0, "names": ["a"]}, "must be a function; got float"),
        ({"log_prob_fn": min}, "number of parameters must be known"),
        ({"log_prob_fn": min, "prior": PRIOR}, "`prior` goes with `log_likelihood_fn`"),
        ({"log_likelihood_fn": min, "names": ["a"]}, "needs `prior`, whose density"),
        ({"log_prob_fn": min, "names": "ab"}, "sequence of names"),
        ({"log_prob_fn": min, "names": ["a", "a"]}, "distinct"),
        ({"log_prob_fn": min, "names": ["a", ""]}, "non-empty strings"),
        ({"log_prob_fn": min, "names": ["a"], "event_size": 2}, "number of names, 1"),
        ({"log_prob_fn": min, "names": ["a"], "periodic": ["b"]}, "got 'b'"),
        ({"log_prob_fn": min, "names": ["a"], "periodic": ["a"]}, "two finite bounds"),
        ({"log_prob_fn": min, "names": ["a"], "bounds": [(1, 0)]}, "low < high; `a`"),
        ({"log_prob_fn": min, "names": ["a"], "bounds": [0, 1]}, "pairs of numbers"),
        ({"log_prob_fn": min, "names": ["a"], "bounds": {"b": (0, 1)}}, "got 'b'"),
        ({"log_prob_fn": min, "names": ["a"], "bounds": [(0, 1)] * 2}, "1 pairs"),
        ({"log_prob_fn": min, "names": ["a"], "labels": ["x", "y"]}, "1 strings"),
        ({"log_prob_fn": min, "names": ["a"], "labels": {"b": "x"}}, "got 'b'"),
        (
            {
                "log_likelihood_fn": graph_likelihood,
                "prior": PRIOR,
                "names": ["b", "a"],
            },
            "prior's names, in its order",
        ),
    ],
)
def test_contradictions_are_refused(options, text):
    with pytest.raises(TargetError, match=text):
        Target(**options)


@pytest.mark.parametrize("key", ["backend", "on_nan", "on_crash"])
def test_unknown_choices_list_the_known(key):
    with pytest.raises(ConfigurationError, match=f"`{key}` must be one of"):
        Target(lambda x: x[:, 0], names=["a"], **{key: "maybe"})


def test_labels():
    options = {"log_prob_fn": lambda x: -(x[:, 0] ** 2), "names": ["a", "b"]}
    assert Target(**options, labels=["x", "y"]).labels == ("x", "y")
    assert Target(**options, labels={"b": r"\beta"}).labels == ("a", r"\beta")


def test_fingerprint_tells_targets_apart():
    def make(shift=0.0, names=("a", "b"), high=1.0):
        return Target(
            lambda x: -np.sum((x - shift) ** 2, axis=-1),
            names=names,
            bounds=[(0.0, high), (-np.inf, np.inf)],
        )

    target = make()
    prints = [t.fingerprint() for t in (target, make(), make(1e-3), make(high=2.0))]
    assert prints[0] == prints[1]
    assert prints[0] != prints[2]
    assert prints[0] != prints[3]
    assert make(names=("b", "a")).fingerprint() != prints[0]
    assert target.num_evaluations == 0
    assert prints[0]["bounds"] == [[0.0, 1.0], ["-inf", "inf"]]
    assert len(prints[0]["log_prob"]) == 4
    # A function that cannot be evaluated there still has a fingerprint.
    failing = Target(lambda x: np.full(len(x), np.nan), names=["a"])
    assert failing.fingerprint()["log_prob"] == ["nan"] * 4
    assert failing.num_nan == 0


@pytest.mark.parametrize("vectorized", [True, False])
def test_derived(vectorized):
    def make(**derived):
        return Target(
            lambda x: -np.sum(x**2, axis=-1),
            names=["a", "b"],
            derived=derived,
            vectorized=vectorized,
        )

    values = make(
        sum=lambda x: x.sum(axis=-1),
        first=lambda x: tf.constant(x)[..., 0],
    ).compute_derived(THETA)
    np.testing.assert_allclose(values["sum"], THETA.sum(axis=-1))
    np.testing.assert_allclose(values["first"], THETA[:, 0])
    assert make().compute_derived(THETA) == {}
    with pytest.raises(TargetError, match=r"derived\['bad'\].*must return one"):
        make(bad=lambda x: x).compute_derived(THETA)
    with pytest.raises(ValueError, match=r"derived\['worse'\].*ZeroDivisionError"):
        make(worse=lambda x: 1 / 0).compute_derived(THETA)


@pytest.mark.parametrize(
    ("derived", "text"),
    [({"a": min}, "differ"), ({"c": 1}, "functions"), ([min], "dict")],
)
def test_unusable_derived_quantities(derived, text):
    with pytest.raises(TargetError, match=text):
        Target(lambda x: -x[:, 0], names=["a"], derived=derived)


def test_time_in_the_function_is_measured():
    def slow(theta):
        time.sleep(0.02)
        return -np.sum(theta**2, axis=-1)

    target = Target(slow, names=["a", "b"])
    assert target.seconds == 0.0
    target.log_prob(THETA)
    assert 0.02 <= target.seconds < 1.0
