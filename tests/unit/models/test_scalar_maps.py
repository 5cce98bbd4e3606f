"""Maps of one coordinate: on the line, on the circle, and side by side."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.models.scalar_maps import AffineMap, SplineMap

MAPS = {
    "affine": AffineMap(3.0),
    "spline": SplineMap(5, bound=4.0, max_log_scale=3.0),
}


@pytest.fixture(params=MAPS)
def scalar_map(request):
    return MAPS[request.param]


def parameters(scalar_map, n, *, strength=1.0, seed=0):
    random = np.random.default_rng(seed)
    return tf.constant(strength * random.normal(size=(scalar_map.num_params, n)))


def one_map(scalar_map, n, **options):
    return tf.repeat(parameters(scalar_map, 1, **options), n, axis=1)


def turn_apart(first, second):
    """Largest distance of angles along the circle."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(first) - np.asarray(second))))).max()


def test_identity_at_zero(scalar_map):
    x = tf.constant(np.linspace(-3.1, 3.1, 50))
    zero = parameters(scalar_map, 50, strength=0.0)
    for mask in (None, True, np.arange(50) % 2 == 0):
        for direction in (scalar_map.inverse, scalar_map.forward):
            image, log_slope = direction(x, zero, mask)
            np.testing.assert_allclose(image, x, atol=4e-15)
            np.testing.assert_allclose(log_slope, 0.0, atol=4e-15)


def test_mixed_kinds_are_those_of_each_kind(scalar_map):
    x = tf.constant(np.linspace(-6.0, 6.0, 40))
    values, is_circle = parameters(scalar_map, 40), np.arange(40) % 3 == 0
    for direction in (scalar_map.inverse, scalar_map.forward):
        mixed = direction(x, values, is_circle)
        for part, circle, line in zip(
            mixed, direction(x, values, True), direction(x, values, None), strict=True
        ):
            np.testing.assert_array_equal(part, tf.where(is_circle, circle, line))


def test_circle_round_trip_in_any_representative(scalar_map):
    values = parameters(scalar_map, 500)
    x = np.random.default_rng(1).uniform(-np.pi, np.pi, 500)
    z, log_slope = scalar_map.inverse(x, values, True)
    again, same = scalar_map.inverse(x + 6.0 * np.pi, values, True)
    assert turn_apart(again, z) < 1e-11
    np.testing.assert_allclose(same, log_slope, atol=1e-11)
    back, back_log_slope = scalar_map.forward(z + 2.0 * np.pi, values, True)
    assert turn_apart(back, x) < 1e-9
    np.testing.assert_allclose(back_log_slope, -log_slope, atol=1e-9)


def test_circle_has_no_seam():
    scalar_map = MAPS["spline"]
    rotation = float(parameters(scalar_map, 1)[0, 0])
    for cut in (np.pi, np.pi + rotation):
        x = tf.constant([cut - 1e-9, cut + 1e-9], tf.float64)
        z, log_slope = scalar_map.inverse(x, one_map(scalar_map, 2), True)
        assert turn_apart(z[0], z[1]) < 1e-6
        np.testing.assert_allclose(log_slope[0], log_slope[1], atol=1e-6)


def test_circle_map_covers_the_circle_once():
    scalar_map, n = MAPS["spline"], 20_000
    x = np.linspace(-np.pi, np.pi, n, endpoint=False)
    _, log_slope = scalar_map.inverse(x, one_map(scalar_map, n), True)
    np.testing.assert_allclose(np.exp(log_slope).mean(), 1.0, atol=1e-4)


def test_affine_map_only_rotates_a_circle():
    x = tf.constant(np.linspace(-3.0, 3.0, 9))
    z, log_slope = MAPS["affine"].inverse(x, one_map(MAPS["affine"], 9), True)
    np.testing.assert_array_equal(log_slope, 0.0)
    turns = np.exp(1j * (z.numpy() - x.numpy()))
    np.testing.assert_allclose(turns, turns[0])


def test_scales_are_bounded_in_the_tails(scalar_map):
    x = tf.constant([-1e3, 1e3] * 50, tf.float64)
    z, log_slope = scalar_map.inverse(x, parameters(scalar_map, 100, strength=1e3))
    assert np.isfinite(z).all()
    # The spline's part is bounded too, where the shift brings a point back inside.
    assert np.abs(log_slope).max() < 3.0 + 30.0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_bins": 1}, "`num_bins` must be at least 2"),
        ({"num_bins": 600}, "`num_bins` must be less than 500"),
        ({"bound": 0.0}, "`bound` must be positive"),
        ({"bound": "wide"}, "`bound` must be positive"),
        ({"max_log_scale": -1.0}, "`max_log_scale` must be positive"),
    ],
)
def test_bad_settings(arguments, text):
    settings = {"num_bins": 5, "bound": 4.0, "max_log_scale": 3.0, **arguments}
    with pytest.raises(ConfigurationError, match=text):
        SplineMap(settings.pop("num_bins"), **settings)
