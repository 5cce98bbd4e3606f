"""Base densities: normalized, and drawn from as they are scored."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc.core.errors import ConfigurationError
from flowmc.models.bases import make_base, student_t_log_prob

SEED = tf.constant([1, 2])


def test_normal():
    base, z = (
        make_base("normal", event_size=3),
        np.random.default_rng(0).normal(size=(9, 3)),
    )
    np.testing.assert_allclose(base.log_prob(z), stats.norm.logpdf(z).sum(axis=-1))
    draws = base.sample(20_000, seed=SEED).numpy()
    assert stats.kstest(draws.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("nu", [1.0, 2.0, 4.0, 7.5])
@pytest.mark.parametrize("size", [1, 3])
def test_student_t_log_prob(nu, size):
    x = 3.0 * np.random.default_rng(0).normal(size=(20, size))
    expected = stats.multivariate_t(np.zeros(size), np.eye(size), df=nu).logpdf(x)
    squared = tf.constant(np.sum(x**2, axis=-1))
    np.testing.assert_allclose(student_t_log_prob(squared, size, nu), expected)


def test_student_t_draws_follow_their_density():
    base = make_base("student_t", event_size=3)
    draws = base.sample(20_000, seed=SEED).numpy()
    assert stats.kstest(draws[:, 1], stats.t(df=4).cdf).pvalue > 1e-3
    # |z|^2 / D is F-distributed only if one divisor is shared by all coordinates.
    ratio = np.sum(draws**2, axis=-1) / 3.0
    assert stats.kstest(ratio, stats.f(3, 4).cdf).pvalue > 1e-3


def test_unknown_base():
    with pytest.raises(ConfigurationError, match="`base` must be one of"):
        make_base("laplace", event_size=2)
