"""The blocked incremental inversion: exact, in every block layout, in every mode."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models.networks import MaskedNetwork
from flowmc.models.recursion import MAX_BLOCKS, _blocks


def solve_affine(z_i, parameters, index):
    log_scale = tf.tanh(parameters[1])
    return z_i * tf.exp(log_scale) + parameters[0], log_scale


def build(size, circles=(), dtype="float64"):
    network = MaskedNetwork(
        size,
        num_params=2,
        hidden_units=[12, 7],
        seed=0,
        is_circle=np.isin(np.arange(size), circles),
        dtype=dtype,
    )
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign_add(0.3 * random.normal(size=variable.shape))
    return network


def one_pass(network, x):
    shift, raw = tf.unstack(network(x))
    return (x - shift) * tf.exp(-tf.tanh(raw)), -tf.reduce_sum(tf.tanh(raw), axis=0)


@pytest.mark.parametrize(
    ("size", "circles"),
    [(1, ()), (1, (0,)), (2, ()), (5, (1, 4)), (13, ()), (26, (0, 12, 13, 25))],
)
def test_agrees_with_one_pass(size, circles):
    network = build(size, circles)
    z = tf.constant(np.random.default_rng(2).normal(size=(size, 9)))
    x, log_det = network.solve(z, solve_affine)
    back, back_log_det = one_pass(network, x)
    np.testing.assert_allclose(back, z, atol=1e-13)
    np.testing.assert_allclose(log_det, -back_log_det, atol=1e-13)


def test_compiled_agrees_with_eager():
    network = build(13, (2,))
    z = tf.constant(np.random.default_rng(2).normal(size=(13, 9)))
    compiled = tf.function(
        lambda z: network.solve(z, solve_affine), jit_compile=True, autograph=False
    )
    for found, wanted in zip(compiled(z), network.solve(z, solve_affine), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-13)


def test_float32_network_inverts_to_its_precision():
    network = build(13, dtype="float32")
    z = tf.constant(np.random.default_rng(2).normal(size=(13, 9)))
    x, _ = network.solve(z, solve_affine)
    assert x.dtype == tf.float64
    np.testing.assert_allclose(one_pass(network, x)[0], z, atol=2e-5)


def test_gradients_agree_with_the_inverse_jacobian():
    size = 13  # two blocks
    network = build(size)
    z = tf.repeat(tf.constant(np.random.default_rng(2).normal(size=(size, 1))), size, 1)
    x = network.solve(z, solve_affine)[0]
    forward = jacobian(lambda z: network.solve(z, solve_affine)[0], z)
    inverse = jacobian(lambda x: one_pass(network, x)[0], x)
    np.testing.assert_allclose(forward @ inverse, np.eye(size), atol=1e-10)


def jacobian(function, points):
    """Jacobian at a point given in D equal columns: column k tells row k."""
    with tf.GradientTape() as tape:
        tape.watch(points)
        diagonal = tf.reduce_sum(tf.linalg.diag_part(function(points)))
    return tf.transpose(tape.gradient(diagonal, points))


def test_gradients_reach_every_weight():
    network = build(13)
    z = tf.constant(np.random.default_rng(2).normal(size=(13, 9)))
    with tf.GradientTape() as tape:
        x, log_det = network.solve(z, solve_affine)
        loss = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(log_det)
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert float(tf.reduce_max(tf.abs(gradient))) > 0.0


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_second_derivatives_agree_with_differences(jit_compile):
    network = build(4, (1,))
    weights = network._weights[1]
    z = tf.constant(np.random.default_rng(2).normal(size=(4, 3)))

    def slope(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, log_det = network.solve(z, solve_affine)
            loss = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(tf.sin(log_det))
        return tf.reduce_sum(tf.square(tape.gradient(loss, z)))

    def second(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = slope(z)
        return tape.gradient(value, [z, weights])

    run = second
    if jit_compile is not None:
        run = tf.function(second, jit_compile=jit_compile, autograph=False)
    by_point, by_weight = run(z)
    step = 1e-6
    shift = step * tf.one_hot([2], 4, dtype=tf.float64, axis=0) * [[1.0, 0.0, 0.0]]
    difference = (slope(z + shift) - slope(z - shift)) / (2.0 * step)
    np.testing.assert_allclose(by_point[2, 0], difference, rtol=1e-6)
    kept = weights.numpy()
    bump = step * network._masks[1].numpy()
    weights.assign(kept + bump)
    above = slope(z)
    weights.assign(kept - bump)
    difference = (above - slope(z)) / (2.0 * step)
    weights.assign(kept)
    np.testing.assert_allclose(tf.reduce_sum(by_weight), difference, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 8, 11, 12, 32, 64, 200])
def test_blocks_cover_every_coordinate_once(size):
    blocks = _blocks(size)
    covered = [index for first, stop in blocks for index in range(first, stop)]
    assert covered == list(range(size))
    assert len(blocks) <= MAX_BLOCKS
