"""The target as kernels see it: unconstrained, the same in graph and on the host."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import Target
from flowmc.sampling.space import DEFAULT_REFERENCE_SCALE, Space
from flowmc.sampling.tempering import (
    graph_tempered,
    host_tempered,
    temper,
    untemper,
)

BOUNDS = [(0.0, 2.0), (-1.0, np.inf)]


def graph_fn(theta):
    return -0.5 * tf.reduce_sum(tf.square(theta), axis=-1)


def host_fn(theta):
    return -0.5 * np.sum(theta**2, axis=-1)


def spaces(**options):
    names = None if "prior" in options else ["a", "b"]
    key = "log_likelihood_fn" if "prior" in options else "log_prob_fn"
    return [
        Space(Target(**{key: function}, names=names, backend=backend, **options))
        for function, backend in ((graph_fn, "tensorflow"), (host_fn, "numpy"))
    ]


def points(n=50):
    return np.random.default_rng(0).normal(size=(n, 2))


PRIOR = {"a": stats.uniform(0.0, 2.0), "b": stats.norm(1.0, 3.0)}


@pytest.mark.parametrize(
    "options", [{}, {"bounds": BOUNDS}, {"prior": PRIOR}], ids=["R", "bounds", "prior"]
)
def test_graph_and_host_agree(options):
    graph, host = spaces(**options)
    x = points()
    expected = host.log_prob(x)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(graph.log_prob(x), expected)
    np.testing.assert_allclose(graph.graph_log_prob(tf.constant(x)), expected)
    reference = host.log_reference(x)
    np.testing.assert_allclose(graph.log_reference(x), reference)
    np.testing.assert_allclose(
        graph.graph_log_reference(tf.constant(x)), reference, rtol=1e-6
    )


def test_the_density_carries_the_volume():
    _, host = spaces(bounds=BOUNDS)
    x = points()
    theta, log_det = host.to_theta(x)
    np.testing.assert_allclose(host.log_prob(x), host_fn(theta) + log_det)
    np.testing.assert_allclose(host.from_theta(theta), x, atol=1e-9)
    assert np.all((theta[:, 0] > 0.0) & (theta[:, 0] < 2.0) & (theta[:, 1] > -1.0))


@pytest.mark.parametrize(
    ("options", "has_reference"),
    [
        ({}, False),
        ({"bounds": BOUNDS}, False),
        ({"bounds": [(0.0, 2.0), (-1.0, 4.0)]}, True),
        ({"prior": PRIOR}, True),
    ],
)
def test_the_reference_is_normalized_and_drawn_from(options, has_reference):
    space = spaces(**options)[1]
    assert space.has_reference == has_reference
    x = space.sample_reference(20_000, random=np.random.default_rng(1))
    log_reference = space.log_reference(x)
    narrow = stats.multivariate_normal(np.median(x, axis=0), 0.3 * np.cov(x.T))
    ratio = np.exp(narrow.logpdf(x) - log_reference)
    error = ratio.std() / np.sqrt(len(x))
    assert error < 0.05
    assert abs(ratio.mean() - 1.0) < 4.0 * error


def test_without_prior_and_bounds_the_reference_is_a_wide_normal():
    space = spaces()[1]
    x = points()
    expected = stats.norm.logpdf(x, scale=DEFAULT_REFERENCE_SCALE).sum(axis=-1)
    np.testing.assert_allclose(space.log_reference(x), expected)


def test_host_evaluations_are_counted():
    graph, host = spaces()
    for space in (graph, host):
        space.log_prob(points(7))
        assert space.target.num_evaluations == 7


# Between the reference and the target.

INSIDE = np.array([-1e5, -3.0, 0.0, 700.0])
REFERENCE = np.array([-4.0, -np.inf, -1e3, 2.0])


@pytest.mark.parametrize("b", [1e-6, 0.3, 1.0])
def test_tempering_is_undone(b):
    reference = np.array([-4.0, -5.0, -1e3, 2.0])
    tempered = temper(INSIDE, reference, b)
    np.testing.assert_allclose(tempered, (1.0 - b) * reference + b * INSIDE)
    back = untemper(tempered, reference, b)
    np.testing.assert_allclose(back, INSIDE, rtol=1e-9, atol=1e-12 / b)


@pytest.mark.parametrize("b", [0.0, 1e-300, 0.5, 1.0])
def test_a_density_of_zero_stays_zero_and_warns_of_nothing(b):
    log_prob = np.array([-np.inf, -np.inf, -3.0])
    reference = np.array([-4.0, -np.inf, -np.inf])
    tempered = temper(log_prob, reference, b)
    assert np.isneginf(tempered[:2]).all()
    assert not np.isnan(tempered).any()
    if b:
        assert np.isneginf(untemper(tempered, reference, b)[:2]).all()


def test_outside_the_reference_nothing_is_worth_anything_before_the_end():
    for b, is_far in ((0.5, True), (1.0, False)):
        tempered = temper(INSIDE, REFERENCE, b)
        assert (tempered[1] < -1e299) == is_far
        assert np.isfinite(tempered).all()


@pytest.mark.parametrize("b", [0.0, 1e-9, 0.4, 1.0])
def test_graph_and_host_temper_alike(b):
    graph, host = spaces(prior=PRIOR)
    x = points()
    expected = temper(host.log_prob(x), host.log_reference(x), b)
    np.testing.assert_allclose(host_tempered(host, x, b), expected)
    found = graph_tempered(graph, tf.constant(x), tf.constant(b, tf.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
