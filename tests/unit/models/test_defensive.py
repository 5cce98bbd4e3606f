"""The defensive mixture: its density is exact, its parts have their shares."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from flowmc import models
from flowmc.models.defensive import AXIS_REACH, defensive

SHARES = (0.0, 0.5, 1.0)


def lower(size, seed=0):
    random = np.random.default_rng(seed)
    return np.tril(random.normal(size=(size, size)), -1) + np.diag(
        random.uniform(0.5, 2.0, size)
    )


def make_mixture(size, **options):
    """A flow somewhere, heavy tails around another place, every scale different."""
    model = models.make("maf", event_size=size, num_layers=2, hidden_units=[8])
    random = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign_add(0.2 * random.normal(size=variable.shape))
    model.fit_whitening(random.normal(size=(500, size)) @ lower(size, 4).T + 1.0)
    mixture = defensive(model, **{"weight": 0.3, **options})
    mixture.set_tails(np.linspace(-1.0, 1.0, size), lower(size))
    return mixture


def expected_log_prob(mixture, x, *, weight, degrees_of_freedom, axis_share):
    """The same mixture, part by part, from SciPy."""
    location, scale_tril = mixture.tails
    scatter, size = scale_tril @ scale_tril.T, len(location)
    nu = degrees_of_freedom
    parts = [np.log1p(-weight) + mixture.model.log_prob(x).numpy()]
    t = stats.multivariate_t(location, scatter, df=nu)
    if axis_share < 1.0:
        parts.append(np.log(weight * (1.0 - axis_share)) + t.logpdf(x))
    for i in range(size if axis_share > 0.0 else 0):
        cauchy = stats.cauchy(location[i], np.sqrt(scatter[i, i]))
        reach = AXIS_REACH * np.sqrt(scatter[i, i])
        log_part = cauchy.logpdf(x[:, i]) - np.log(
            cauchy.cdf(location[i] + reach) - cauchy.cdf(location[i] - reach)
        )
        log_part[np.abs(x[:, i] - location[i]) > reach] = -np.inf
        rest = np.delete(np.arange(size), i)
        if size > 1:
            others = stats.multivariate_t(
                location[rest], scatter[np.ix_(rest, rest)], df=nu
            )
            log_part = log_part + others.logpdf(x[:, rest])
        parts.append(np.log(weight * axis_share / size) + log_part)
    return logsumexp(parts, axis=0)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("axis_share", SHARES)
@pytest.mark.parametrize("degrees_of_freedom", [2.0, 3.0])
def test_log_prob_is_the_sum_of_its_parts(size, axis_share, degrees_of_freedom):
    options = {"axis_share": axis_share, "degrees_of_freedom": degrees_of_freedom}
    mixture = make_mixture(size, **options)
    random = np.random.default_rng(5)
    x = random.normal(size=(60, size)) * np.geomspace(0.1, 1e3, 60)[:, None]
    expected = expected_log_prob(mixture, x, weight=0.3, **options)
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("axis_share", SHARES)
def test_draws_come_with_their_own_density(size, axis_share):
    mixture = make_mixture(size, axis_share=axis_share)
    x, log_prob = mixture.sample_and_log_prob(5000, seed=(1, 2))
    assert x.shape == (5000, size)
    np.testing.assert_allclose(mixture.log_prob(x), log_prob, atol=1e-9)
    np.testing.assert_array_equal(mixture.sample(5000, seed=(1, 2)), x)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("axis_share", SHARES)
def test_integrates_to_one(size, axis_share):
    mixture = make_mixture(size, axis_share=axis_share)
    location, scale_tril = mixture.tails
    scale = 2.0 * np.sqrt(np.sum(scale_tril**2, axis=1))
    wide = stats.cauchy(location, scale)
    x = wide.rvs(size=(100_000, size), random_state=6)
    log_weight = mixture.log_prob(x).numpy() - wide.logpdf(x).sum(axis=1)
    assert_mean_is(np.exp(log_weight), 1.0)


@pytest.mark.parametrize("degrees_of_freedom", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("axis_share", SHARES)
def test_draws_follow_the_density(axis_share, degrees_of_freedom):
    mixture = make_mixture(
        2, axis_share=axis_share, degrees_of_freedom=degrees_of_freedom, weight=0.6
    )
    x, log_prob = mixture.sample_and_log_prob(50_000, seed=(3, 4))
    location, scale_tril = mixture.tails
    for shift in (0.0, 1.0):
        narrow = stats.multivariate_normal(
            location + shift, 0.5 * scale_tril @ scale_tril.T
        )
        assert_mean_is(np.exp(narrow.logpdf(x) - log_prob), 1.0)


def assert_mean_is(values, expected, *, most=0.05):
    error = values.std() / np.sqrt(len(values))
    assert error < most
    assert abs(values.mean() - expected) < 4.0 * error


def apart(size, **options):
    """A mixture whose flow lies so far away that its draws are told at sight."""
    model = models.make("gaussian", event_size=size)
    spot = np.random.default_rng(7).normal(size=(200, size)) * 1e-3 + 1e6
    model.fit_whitening(spot)
    return defensive(model, **options)


def assert_count_is(is_counted, probability):
    n = len(is_counted)
    sd = np.sqrt(n * probability * (1.0 - probability))
    assert abs(np.sum(is_counted) - n * probability) < 4.0 * max(sd, 1.0)


@pytest.mark.parametrize("weight", [0.05, 0.4])
@pytest.mark.parametrize("axis_share", SHARES)
def test_shares_of_the_parts(weight, axis_share):
    size, far = 3, 60.0
    mixture = apart(size, weight=weight, axis_share=axis_share)
    x = mixture.sample(200_000, seed=(5, 6)).numpy()
    assert_count_is(x[:, 0] > 1e5, 1.0 - weight)
    from_t = 2.0 * stats.t(df=2).sf(far)
    cauchy = stats.cauchy()
    from_cauchy = 2.0 * (cauchy.cdf(AXIS_REACH) - cauchy.cdf(far))
    from_cauchy /= cauchy.cdf(AXIS_REACH) - cauchy.cdf(-AXIS_REACH)
    on_axis = axis_share / size
    for i in range(size):
        is_far = (np.abs(x[:, i]) > far) & (x[:, i] < 1e5)
        share = on_axis * from_cauchy + (1.0 - on_axis) * from_t
        assert_count_is(is_far, weight * share)


@pytest.mark.parametrize("degrees_of_freedom", [1.0, 2.0, 3.0])
def test_tails_without_axes_are_a_multivariate_t(degrees_of_freedom):
    mixture = apart(
        2, weight=0.5, axis_share=0.0, degrees_of_freedom=degrees_of_freedom
    )
    factor = lower(2)
    mixture.set_tails(np.zeros(2), factor)
    x = mixture.sample(40_000, seed=(7, 8)).numpy()
    z = np.linalg.solve(factor, x[x[:, 0] < 1e5].T)
    law = stats.f(2, degrees_of_freedom)
    assert stats.kstest(np.sum(z**2, axis=0) / 2.0, law.cdf).pvalue > 1e-3


def test_axis_draws_stay_within_reach():
    mixture = apart(2, weight=0.5, axis_share=1.0, degrees_of_freedom=50.0)
    x = mixture.sample(100_000, seed=(9, 9)).numpy()
    x = x[x[:, 0] < 1e5]
    assert AXIS_REACH * 0.9 < np.abs(x).max() <= AXIS_REACH


def directions(size, radii, n=50):
    unit = np.random.default_rng(8).normal(size=(n, size))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    axes = np.concatenate([np.eye(size), -np.eye(size), unit])
    return radii[:, None, None] * axes


@pytest.mark.parametrize("axis_share", [0.0, 0.5])
def test_weights_are_bounded_for_a_multivariate_t3(axis_share):
    size, factor = 5, lower(5)
    target = stats.multivariate_t(np.ones(size), factor @ factor.T, df=3, seed=9)
    draws = target.rvs(5000)
    model = models.make("gaussian", event_size=size)
    model.fit_whitening(draws)
    mixture = defensive(model, axis_share=axis_share)
    mixture.fit_tails(draws)
    radii = np.geomspace(1.0, 1e8, 60)
    x = directions(size, radii)
    log_target = target.logpdf(x.reshape(-1, size)).reshape(x.shape[:2])
    log_weight = (log_target - mixture.log_prob(x).numpy()).max(axis=1)
    assert log_weight.max() < np.log(20.0)
    assert np.all(np.diff(log_weight[radii > 1e3]) < 0.0)
    bare = (log_target - model.log_prob(x).numpy()).max(axis=1)
    assert bare.max() > 1e6


class Broken:
    """A density that cannot score what lies far out."""

    event_size = 2

    def log_prob(self, x):
        far = tf.reduce_max(tf.abs(x), axis=-1) > 10.0
        return tf.where(far, tf.constant(np.nan, tf.float64), -2.0)

    def sample_and_log_prob(self, n, *, seed):
        x = tf.random.stateless_uniform([n, 2], seed, dtype=tf.float64)
        return x, self.log_prob(x)


def test_where_the_model_is_nan_the_tails_remain():
    mixture = defensive(Broken())
    x, log_prob = mixture.sample_and_log_prob(5000, seed=(1, 2))
    assert np.abs(x).max() > 10.0
    assert np.isfinite(log_prob).all()
    assert np.isfinite(mixture.log_prob([[1e4, -1e4]])).all()


def test_set_tails_restores_what_tails_gave():
    mixture = make_mixture(3)
    x = np.random.default_rng(13).normal(size=(20, 3))
    before = mixture.log_prob(x).numpy()
    tails = mixture.tails
    mixture.set_tails(np.zeros(3), np.eye(3))
    assert np.all(mixture.log_prob(x) != before)
    mixture.set_tails(*tails)
    np.testing.assert_array_equal(mixture.log_prob(x), before)
