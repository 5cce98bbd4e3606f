"""The masked network: outputs see earlier coordinates only."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models.networks import MaskedNetwork


def make_network(size=4, *, strength=1.0, **options):
    settings = {"num_params": 3, "hidden_units": [8], "seed": 0, **options}
    network = MaskedNetwork(size, **settings)
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return network


def test_outputs_depend_on_earlier_coordinates_only():
    network = make_network(hidden_units=[9, 6])
    x = tf.constant(np.random.default_rng(2).standard_normal((4, 1)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        outputs = network(x)
    jacobian = tape.jacobian(outputs, x, experimental_use_pfor=False)[:, :, 0, :, 0]
    for parameter in jacobian.numpy():
        assert np.all(np.triu(parameter) == 0.0)
        assert np.all(parameter[np.tril_indices(4, -1)] != 0.0)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_starts_at_zero(size):
    network = make_network(size, strength=0.0)
    outputs = network(tf.ones([size, 6], tf.float64))
    assert outputs.shape == (3, size, 6)
    np.testing.assert_array_equal(outputs, 0.0)


def test_widths_are_rounded_up_to_equal_groups():
    network = make_network(4, hidden_units=[8, 3, 1])
    shapes = [tuple(v.shape) for v in network.trainable_variables if v.shape.rank == 2]
    assert sorted(shapes) == sorted([(9, 4), (3, 9), (3, 3), (12, 3)])


def test_one_coordinate_has_constants_for_parameters():
    network = make_network(1)
    outputs = network(tf.constant([[-5.0, 0.0, 7.0]], tf.float64)).numpy()
    np.testing.assert_array_equal(outputs[..., 0], outputs[..., 1])
    assert np.all(outputs != 0.0)


def test_weights_have_the_type_asked_for_and_outputs_that_of_the_input():
    network = make_network(dtype="float32")
    assert {v.dtype for v in network.trainable_variables} == {tf.float32}
    assert network(tf.ones([4, 2], tf.float64)).dtype == tf.float64
