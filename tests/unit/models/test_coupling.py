"""Coupling layers: what moves, what it may depend on, and how layers alternate."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.models.coupling import Coupling, moved_coordinates
from flowmc.models.mlp import ConditionerNetwork
from flowmc.models.scalar_maps import SplineMap


def test_jacobian_is_the_identity_but_for_the_moved_rows():
    is_moved = np.array([True, False, False, True, False])
    layer = Coupling(
        SplineMap(4, bound=3.0, max_log_scale=2.0),
        is_moved=is_moved,
        is_circle=np.array([False, True, False, False, False]),
        hidden_units=[7],
        seed=0,
    )
    random = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign_add(0.3 * random.normal(size=variable.shape))
    for direction in (layer.forward_and_log_det, layer.inverse_and_log_det):
        point = tf.constant(random.normal(size=(5, 1)))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(point)
            image, log_det = direction(point)
        jacobian = tape.jacobian(image, point, experimental_use_pfor=False)
        jacobian = jacobian[:, 0, :, 0].numpy()
        np.testing.assert_array_equal(jacobian[~is_moved], np.eye(5)[~is_moved])
        assert jacobian[0, 3] == jacobian[3, 0] == 0.0
        assert np.all(jacobian[np.ix_(is_moved, ~is_moved)] != 0.0)
        np.testing.assert_allclose(
            np.log(np.diag(jacobian)[is_moved]).sum(), log_det[0]
        )


@pytest.mark.parametrize("size", [2, 3, 5, 10, 33])
def test_every_coordinate_is_moved_given_every_other(size):
    layers = 2 * (size - 1).bit_length()
    is_given = np.zeros((size, size), bool)
    for index in range(layers):
        moved = moved_coordinates(size, index)
        assert 0 < moved.sum() < size
        is_given |= moved[:, None] & ~moved[None, :]
    assert np.all(is_given | np.eye(size, dtype=bool))


def test_network_starts_at_zero_and_bounded():
    network = ConditionerNetwork(
        [False, True], num_outputs=3, num_params=4, hidden_units=[5], seed=0
    )
    x = tf.constant(1e6 * np.random.default_rng(0).normal(size=(2, 6)))
    np.testing.assert_array_equal(network(x), np.zeros((4, 3, 6)))
    for variable in network.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    # One output bias, and five units of at most one times a weight of one.
    assert np.abs(network(x)).max() <= 6.0


@pytest.mark.parametrize("family", ["realnvp", "spline_coupling"])
def test_one_dimension_is_refused_by_name(family):
    with pytest.raises(ConfigurationError, match="Use `maf` or `spline_autoreg"):
        models.make(family, event_size=1)
