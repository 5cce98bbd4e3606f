"""Normal laws side by side as a density: normalized, drawn from, set in place."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from flowmc.core.types import DensityModel
from flowmc.models.clusters import NormalClusters, most_laws
from flowmc.models.saving import get_arrays, set_arrays
from flowmc.transforms.normal_mixture import NormalMixture, score_mixture


def _mixture(size: int = 2) -> NormalMixture:
    random = np.random.default_rng(0)
    scale = np.stack(
        [
            np.tril(random.normal(size=(size, size)), -1)
            + np.diag(random.uniform(0.5, 2, size))
            for _ in range(3)
        ]
    )
    return NormalMixture(
        np.array([0.5, 0.3, 0.2]), 3.0 * random.normal(size=(3, size)), scale
    )


def _clusters(size: int = 2) -> NormalClusters:
    clusters = NormalClusters(size)
    clusters.set(_mixture(size))
    return clusters


def test_it_begins_as_the_standard_normal_law():
    clusters = NormalClusters(3)
    x = np.random.default_rng(1).normal(size=(5, 3))
    assert clusters.num_laws == 1
    assert isinstance(clusters, DensityModel)
    np.testing.assert_allclose(
        clusters.log_prob(x), stats.norm.logpdf(x).sum(axis=-1), rtol=1e-12
    )


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_density_is_the_sum_of_its_laws(size):
    clusters, mixture = _clusters(size), _mixture(size)
    x = 3.0 * np.random.default_rng(2).normal(size=(50, size))
    rows = [
        np.log(share) + stats.multivariate_normal(m, s @ s.T).logpdf(x)
        for share, m, s in zip(*mixture, strict=True)
    ]
    expected = logsumexp(rows, axis=0)
    np.testing.assert_allclose(clusters.log_prob(x), expected, rtol=1e-9)
    np.testing.assert_allclose(score_mixture(mixture, x), expected, rtol=1e-9)
    shaped = clusters.log_prob(x.reshape(5, 10, size))
    np.testing.assert_allclose(tf.reshape(shaped, [-1]), expected, rtol=1e-9)


def test_draws_follow_the_density():
    """Moments within five standard errors, and shares of the laws."""
    clusters, mixture = _clusters(), _mixture()
    x, log_prob = clusters.sample_and_log_prob(40_000, seed=3)
    np.testing.assert_allclose(log_prob, clusters.log_prob(x), rtol=1e-12)
    mean = mixture.share @ mixture.location
    error = x.numpy().std(axis=0) / np.sqrt(len(x))
    assert np.all(np.abs(x.numpy().mean(axis=0) - mean) < 5.0 * error)
    # E[1/q] over a box is its volume: the density is normalized and drawn from rightly.
    inside = np.all(np.abs(x.numpy() - mean) < 1.0, axis=1)
    ratio = np.where(inside, np.exp(-log_prob.numpy()), 0.0)
    assert abs(ratio.mean() - 4.0) < 5.0 * ratio.std() / np.sqrt(len(x))


def test_compiled_code_sees_new_laws():
    clusters = NormalClusters(2)
    num_traces = []

    @tf.function(jit_compile=True)
    def score(x):
        num_traces.append(1)
        return clusters.log_prob(x), *clusters.sample_and_log_prob(8, seed=(1, 2))

    x = tf.constant(np.random.default_rng(4).normal(size=(6, 2)))
    before, *_ = score(x)
    clusters.set(_mixture())
    after, draws, log_prob = score(x)
    assert len(num_traces) == 1
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, clusters.log_prob(x), rtol=1e-10)
    np.testing.assert_allclose(log_prob, clusters.log_prob(draws), rtol=1e-10)


def test_arrays_restore_it():
    saved, fresh = get_arrays(_clusters()), NormalClusters(2)
    set_arrays(fresh, saved)
    assert fresh.num_laws == 3
    for a, b in zip(fresh.mixture, _mixture(), strict=True):
        np.testing.assert_allclose(a, b)


def test_room_falls_with_the_dimension():
    assert [most_laws(d) for d in (1, 2, 16, 64, 128, 1000)] == [32, 32, 32, 8, 4, 2]
