"""Priors: one interface over two libraries, with the same numbers."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import TargetError
from flowmc.targets.priors import make_prior

SCIPY = {
    "beta": stats.beta(1.0, 3.0, loc=-1.0, scale=2.0),
    "cauchy": stats.cauchy(1.0, 2.0),
    "expon": stats.expon(2.0, 3.0),
    "gamma": stats.gamma(2.5, scale=2.0),
    "halfcauchy": stats.halfcauchy(scale=2.0),
    "halfnorm": stats.halfnorm(1.0, 2.0),
    "laplace": stats.laplace(1.0, 2.0),
    "lognorm": stats.lognorm(0.5, loc=1.0, scale=2.0),
    "loguniform": stats.loguniform(1e-3, 10.0),
    "norm": stats.norm(1.0, 2.0),
    "reciprocal": stats.reciprocal(a=0.1, b=2.0),
    "t": stats.t(3.0, 1.0, 2.0),
    "truncnorm": stats.truncnorm(8.0, 20.0, 1.0, 2.0),
    "uniform": stats.uniform(-3.0, 5.0),
}
TFP = {
    "normal": tfd.Normal(0.1, 1.0),
    "uniform": tfd.Uniform(0.0, 3.0),
    "gamma": tfd.Gamma(2.0, 0.7),
    "inverse_gamma": tfd.InverseGamma(3.0, 1.0),
    "half_cauchy": tfd.HalfCauchy(1.0, 2.0),
    "truncated": tfd.TruncatedNormal(0.0, 1.0, -1.0, 2.0),
    "log_normal": tfd.LogNormal(0.0, 0.3),
    "exp": tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Exp()),
    "mixture": tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.3, 0.7]), tfd.Normal([0.0, 1.0], 1.0)
    ),
}
SUPPORTS = {
    "normal": (-np.inf, np.inf),
    "uniform": (0.0, 3.0),
    "gamma": (0.0, np.inf),
    "inverse_gamma": (0.0, np.inf),
    "half_cauchy": (1.0, np.inf),
    "truncated": (-1.0, 2.0),
    "log_normal": (0.0, np.inf),
    "exp": (0.0, np.inf),
    "mixture": (-np.inf, np.inf),
}


def independent_normals():
    return tfd.JointDistributionNamed(
        {
            "b": lambda a: tfd.Normal(a, np.float64(1.0)),
            "a": tfd.Normal(np.float64(0.0), 1.0),
        }
    )


@pytest.mark.parametrize("name", SCIPY)
def test_scipy_families_have_the_same_density_in_the_graph(name):
    prior = make_prior({name: SCIPY[name]})
    theta = prior.sample(500, seed=0)
    expected = SCIPY[name].logpdf(theta[:, 0])
    np.testing.assert_array_equal(prior.log_prob(theta), expected)
    value = prior.graph_log_prob_fn(tf.constant(theta))
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(prior.bounds[0], SCIPY[name].support())


def test_scipy_graph_density_compiles():
    prior = make_prior(SCIPY)
    theta = prior.sample(200, seed=1)
    compiled = tf.function(prior.graph_log_prob_fn, jit_compile=True, autograph=False)
    value = compiled(tf.constant(theta))
    np.testing.assert_allclose(value, prior.log_prob(theta), rtol=1e-10)


def test_other_scipy_families_stay_on_the_host():
    prior = make_prior({"a": stats.weibull_min(1.5), "b": stats.norm()})
    assert prior.graph_log_prob_fn is None
    theta = prior.sample(5, seed=0)
    expected = stats.weibull_min(1.5).logpdf(theta[:, 0]) + stats.norm.logpdf(
        theta[:, 1]
    )
    np.testing.assert_allclose(prior.log_prob(theta), expected)


def test_tfp_supports_and_draws():
    prior = make_prior(TFP)
    assert prior.names == tuple(TFP)
    assert dict(zip(prior.names, map(tuple, prior.bounds), strict=True)) == SUPPORTS
    draws = prior.sample(300, seed=5)
    np.testing.assert_array_equal(draws, prior.sample(300, seed=5))
    assert not np.any(draws == prior.sample(300, seed=6))
    assert np.all((draws >= prior.bounds[:, 0]) & (draws <= prior.bounds[:, 1]))


def test_tfp_constants_are_taken_in_double_precision():
    prior = make_prior({"a": tfd.Normal(0.1, 0.3)})
    theta = np.linspace(-2.0, 2.0, 9)[:, None]
    expected = stats.norm(0.1, 0.3).logpdf(theta[:, 0])
    np.testing.assert_allclose(prior.log_prob(theta), expected, rtol=1e-14)
    assert prior.notes == ()


def test_parts_that_stay_in_single_precision_are_told():
    shifted = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Shift(2.0))
    prior = make_prior({"a": tfd.Normal(0.0, 1.0), "shifted": shifted})
    assert "shifted is computed in float32" in prior.notes[0]
    value = prior.log_prob(np.array([[0.0, 2.5]]))
    np.testing.assert_allclose(value, stats.norm.logpdf([0.0, 0.5]).sum(), rtol=1e-6)


def test_tfp_density_compiles():
    prior = make_prior(TFP)
    theta = prior.sample(50, seed=2)
    compiled = tf.function(prior.graph_log_prob_fn, jit_compile=True, autograph=False)
    value = compiled(tf.constant(theta))
    np.testing.assert_allclose(value, prior.log_prob(theta), rtol=1e-10)


def test_both_libraries_agree():
    one = make_prior({"a": tfd.Gamma(2.0, 0.5), "b": tfd.Uniform(-1.0, 2.0)})
    two = make_prior({"a": stats.gamma(2.0, scale=2.0), "b": stats.uniform(-1.0, 3.0)})
    np.testing.assert_array_equal(one.bounds, two.bounds)
    theta = one.sample(50, seed=0)
    np.testing.assert_allclose(one.log_prob(theta), two.log_prob(theta), rtol=1e-12)


def test_the_order_of_draws_is_that_of_names():
    """A parameter's draws depend on its name, not on the others."""
    alone = make_prior({"a": stats.norm()}).sample(5, seed=0)[:, 0]
    later = make_prior({"b": stats.norm(), "a": stats.norm()}).sample(5, seed=0)
    np.testing.assert_array_equal(alone, later[:, 1])
    assert not np.array_equal(later[:, 0], later[:, 1])


@tfd.JointDistributionCoroutineAutoBatched
def coroutine():
    a = yield tfd.Normal(np.float64(0.0), 1.0, name="a")
    yield tfd.Normal(a, np.float64(1.0), name="b")


def sequential():
    return tfd.JointDistributionSequential(
        [tfd.Normal(np.float64(0.0), 1.0), lambda a: tfd.Normal(a, np.float64(1.0))]
    )


@pytest.mark.parametrize(
    ("joint", "names"),
    [
        (independent_normals(), ("a", "b")),
        (coroutine, ("a", "b")),
        (sequential(), ("x0", "x1")),
    ],
    ids=["named", "coroutine", "sequential"],
)
def test_joint_distributions(joint, names):
    prior = make_prior(joint)
    assert prior.names == names
    assert prior.notes == ()
    draws = prior.sample(4000, seed=1)
    np.testing.assert_array_equal(draws, prior.sample(4000, seed=1))
    expected = stats.norm.logpdf(draws[:, 0]) + stats.norm.logpdf(
        draws[:, 1] - draws[:, 0]
    )
    np.testing.assert_allclose(prior.log_prob(draws), expected, rtol=1e-10)
    assert abs(draws[:, 1].var() - 2.0) < 4.0 * 2.0 * np.sqrt(2.0 / 4000)
    compiled = tf.function(prior.graph_log_prob_fn, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(draws)), expected, rtol=1e-10)


def test_sequential_parts_can_be_named():
    assert make_prior(sequential(), names=["m", "s"]).names == ("m", "s")


def test_bounds_that_depend_on_other_parameters_are_open():
    joint = tfd.JointDistributionNamed(
        {
            "a": tfd.Uniform(np.float64(0.0), 1.0),
            "b": lambda a: tfd.Uniform(np.float64(0.0), a),
        }
    )
    prior = make_prior(joint)
    np.testing.assert_array_equal(prior.bounds, [[0.0, 1.0], [0.0, np.inf]])
    assert prior.log_prob(np.array([[0.5, 0.7]])) == -np.inf


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        (
            {"a": tfd.Normal([0.0, 1.0], 1.0)},
            "one scalar distribution per parameter; `a`",
        ),
        ({"a": tfd.MultivariateNormalDiag([0.0, 1.0])}, r"event shape \(2,\)"),
        ({"a": tfd.Bernoulli(0.5)}, "must be continuous; `a`"),
        ({"a": tfd.Poisson(2.0)}, "must be continuous; all draws"),
        ({"a": tfd.Deterministic(1.5)}, "must have a density"),
        ({"a": tfd.Uniform(-np.inf, np.inf)}, "must be proper"),
        ({"a": stats.uniform(0.0, np.inf)}, "must be proper"),
        ({"a": stats.poisson(2.0)}, "discrete SciPy distribution poisson"),
        ({"a": stats.norm([0.0, 1.0], 1.0)}, "array parameters"),
        ({"a": stats.multivariate_normal([0.0, 1.0])}, "multivariate_normal"),
        ({"a": stats.norm}, "`a` is norm_gen"),
        ({"a": tfd.Normal(0.0, 1.0), "b": stats.norm()}, "must not mix"),
        ({"a": 3.0}, "`a` is float"),
        ({}, "at least one parameter"),
        ([tfd.Normal(0.0, 1.0)], "got list"),
        (tfd.Normal(0.0, 1.0), "got Normal"),
        (
            tfd.JointDistributionNamed({"a": tfd.Normal(tf.zeros(2), 1.0)}),
            "batch shape",
        ),
        (
            tfd.JointDistributionSequential([tfd.MultivariateNormalDiag([0.0, 1.0])]),
            "event shape",
        ),
    ],
)
def test_unusable_priors_are_refused(prior, text):
    with pytest.raises(TargetError, match=text):
        make_prior(prior)
