"""Circle coordinates: how they are named, wrapped, seen and scored."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc.core.errors import ConfigurationError
from flowmc.models.circles import Circles, parse_periodic, wrap_angle
from flowmc.models.features import CircleFeatures
from flowmc.models.mixed_base import make_flow_base
from flowmc.models.whitening import AffineWhitening


@pytest.mark.parametrize(
    ("periodic", "entries"),
    [
        ((), ()),
        ([2, 0], ((0, -np.pi, np.pi), (2, -np.pi, np.pi))),
        (np.array([1]), ((1, -np.pi, np.pi),)),
        ({1: (0, 360)}, ((1, 0.0, 360.0),)),
        ([[1, 0.0, 360.0]], ((1, 0.0, 360.0),)),
    ],
)
def test_ways_to_name_circles(periodic, entries):
    assert parse_periodic(periodic, event_size=3) == entries


@pytest.mark.parametrize(
    ("periodic", "text"),
    [
        ([3], "coordinates from 0 to 2"),
        ([-1], "coordinates from 0 to 2"),
        ([1, 1], "each once"),
        ({0: (1.0, 1.0)}, "low < high"),
        ({0: (0.0, np.inf)}, "must be finite"),
        ([[0, 3.0]], "mapping from index"),
        (["phase"], "mapping from index"),
        ([True], "mapping from index"),
    ],
)
def test_bad_circles(periodic, text):
    with pytest.raises(ConfigurationError, match=text):
        parse_periodic(periodic, event_size=3)


def test_wrap_is_half_open_whatever_the_rounding():
    circles = Circles({0: (1.0, 4.0)}, event_size=2)
    values = np.array([1.0, 4.0, np.nextafter(4.0, 5.0), np.nextafter(1.0, 0.0), 1e9])
    wrapped = circles.wrap(tf.constant([values, values])).numpy()
    assert np.all((wrapped[0] >= 1.0) & (wrapped[0] < 4.0))
    assert wrapped[0, 0] == wrapped[0, 1] == 1.0
    np.testing.assert_array_equal(wrapped[1], values)


def test_wrapped_angles_keep_their_gradient():
    angle = tf.constant([-9.0, -3.0, 0.5, 4.0, 1e4], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(angle)
        wrapped = wrap_angle(angle)
    assert np.all(np.abs(wrapped) <= np.pi)
    np.testing.assert_allclose(np.exp(1j * wrapped.numpy()), np.exp(1j * angle.numpy()))
    np.testing.assert_array_equal(tape.gradient(wrapped, angle), 1.0)


@pytest.mark.parametrize("mask", [[0, 0, 0], [0, 1, 0], [1, 1, 1]])
def test_features(mask):
    mask = np.array(mask, bool)
    x = np.random.default_rng(0).normal(size=(3, 4))
    features = CircleFeatures(mask)
    expected = [np.sin(row) if c else row for c, row in zip(mask, x, strict=True)]
    expected += [np.cos(row) for c, row in zip(mask, x, strict=True) if c]
    np.testing.assert_allclose(features(tf.constant(x)), expected)
    assert list(features.owners) == [0, 1, 2, *np.flatnonzero(mask)]


@pytest.mark.parametrize("name", ["normal", "student_t"])
def test_mixed_base(name):
    is_circle = np.array([True, False, True, False])
    base = make_flow_base(name, is_circle=is_circle)
    z = np.random.default_rng(0).normal(size=(20, 4))
    line = z[:, ~is_circle]
    law = {
        "normal": stats.multivariate_normal(np.zeros(2), np.eye(2)),
        "student_t": stats.multivariate_t(np.zeros(2), np.eye(2), df=4),
    }[name]
    expected = law.logpdf(line) - 2.0 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(base.log_prob(tf.constant(z)), expected)
    draws = base.sample(5000, seed=tf.constant([1, 2])).numpy()
    for index in (0, 2):
        uniform = stats.uniform(-np.pi, 2.0 * np.pi)
        assert stats.kstest(draws[:, index], uniform.cdf).pvalue > 1e-3
    marginal = stats.norm if name == "normal" else stats.t(df=4)
    assert stats.kstest(draws[:, 1], marginal.cdf).pvalue > 1e-3


def test_whitening_turns_the_circular_mean_to_zero():
    random = np.random.default_rng(0)
    degrees = random.normal(355.0, 15.0, size=2000) % 360.0
    line = random.normal(7.0, 3.0, size=2000)
    circles = Circles({1: (0.0, 360.0)}, event_size=2)
    layer = AffineWhitening(circles)
    assert layer.fit(np.stack([line, degrees], axis=1), None) == ""
    u = layer.inverse(tf.constant([line, degrees])).numpy()
    np.testing.assert_allclose(u[0].mean(), 0.0, atol=1e-10)
    np.testing.assert_allclose(np.std(u[0], ddof=1), 1.0)
    np.testing.assert_allclose(np.angle(np.exp(1j * u[1]).mean()), 0.0, atol=1e-10)
    # Only turned: no scale but the fixed one.
    np.testing.assert_allclose(np.std(u[1]), np.radians(15.0), rtol=0.05)
    np.testing.assert_allclose(layer.forward(tf.constant(u))[1], degrees, atol=1e-9)
    np.testing.assert_allclose(
        layer.log_det, np.log(line.std(ddof=1)) + np.log(180.0 / np.pi)
    )
