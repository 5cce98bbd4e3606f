"""The affine layer: triangular, bounded, and inverted exactly in one pass."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models.autoregressive import AffineAutoregressive
from flowmc.models.networks import MaskedNetwork

BOUND = 3.0


def make_layer(size, hidden_units=(8, 6), *, strength=0.5, dtype="float64"):
    network = MaskedNetwork(
        size, num_params=2, hidden_units=hidden_units, seed=0, dtype=dtype
    )
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return AffineAutoregressive(network, max_log_scale=BOUND), network


def columns(size, n=7, seed=2):
    return tf.constant(np.random.default_rng(seed).standard_normal((size, n)))


def invert_by_sweeps(network, z):
    """D passes of the fixed-point iteration, in NumPy: the textbook inverse."""
    x = np.zeros_like(z)
    for _ in range(len(z)):
        shift, raw = network(tf.constant(x)).numpy()
        log_scale = BOUND * np.tanh(raw / BOUND)
        x = shift + np.exp(log_scale) * z
    return x, log_scale.sum(axis=0)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("hidden_units", [(8,), (16, 5), (4, 8, 4)])
def test_incremental_inverse_equals_sweeps(size, hidden_units):
    layer, network = make_layer(size, hidden_units, strength=0.3)
    z = columns(size)
    x, log_det = layer.forward_and_log_det(z)
    expected, expected_log_det = invert_by_sweeps(network, z.numpy())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(x, expected, rtol=0.0, atol=1e-12 * scale)
    np.testing.assert_allclose(log_det, expected_log_det, atol=1e-12 * scale)
    back, inverse_log_det = layer.inverse_and_log_det(x)
    np.testing.assert_allclose(back, z, atol=1e-10)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-10)


def jacobian_of(function, point):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(point)
        image = function(point)
    return tape.jacobian(image, point, experimental_use_pfor=False).numpy()


@pytest.mark.parametrize("direction", ["forward_and_log_det", "inverse_and_log_det"])
def test_jacobian_is_lower_triangular(direction):
    layer, _ = make_layer(5)
    mapping = getattr(layer, direction)
    jacobian = jacobian_of(lambda v: mapping(v)[0], columns(5, n=1))[:, 0, :, 0]
    assert np.all(np.triu(jacobian, 1) == 0.0)
    assert np.all(np.diag(jacobian) > 0.0)
    # Everything that may depend does: no conditional is left out.
    assert np.all(jacobian[np.tril_indices(5)] != 0.0)


def test_the_first_coordinate_is_moved_by_constants():
    layer, _ = make_layer(3)
    x = columns(3).numpy()
    z, _ = layer.inverse_and_log_det(tf.constant(x))
    slope = np.diff(z.numpy()[0]) / np.diff(x[0])
    np.testing.assert_allclose(slope, slope[0])


def test_log_scale_is_bounded():
    layer, network = make_layer(4, strength=100.0)
    x = columns(4)
    assert np.abs(network(x)[1]).max() > 10.0 * BOUND
    _, log_det = layer.inverse_and_log_det(x)
    assert np.all(np.abs(log_det) <= 4.0 * BOUND + 1e-9)


def test_scores_and_draws_in_float32_agree_to_rounding():
    layer, _ = make_layer(5, dtype="float32")
    z = columns(5)
    x, log_det = layer.forward_and_log_det(z)
    assert x.dtype == log_det.dtype == tf.float64
    np.testing.assert_allclose(layer.inverse_and_log_det(x)[0], z, atol=1e-4)
