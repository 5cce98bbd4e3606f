"""The change of variables around an inner kernel."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from flowmc import adapters, kernels, models
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation
from tests.unit.kernels.targets import Flawed, Perfect, Watched, log_prob, start


def make(model, *, target=log_prob, inner=None, **options):
    inner = inner or kernels.make("random_walk", step_size=0.7)
    return kernels.make(
        "preconditioned",
        target_log_prob_fn=target,
        model=model,
        inner=inner,
        **options,
    )


def assert_consistent(state, model):
    z, log_det = model.inverse_and_log_det(state.position)
    np.testing.assert_allclose(state.inner.position, z, atol=1e-12)
    np.testing.assert_allclose(state.inner.log_prob, state.log_prob - log_det)
    np.testing.assert_allclose(state.log_prob, log_prob(state.position))


def test_inner_state_and_outer_state_describe_one_point():
    model = Perfect()
    kernel = make(model)
    state = kernel.init(start())
    assert_consistent(state, model)
    for step in range(4):
        state, info = kernel.step(state, seed=(1, step))
        assert_consistent(state, model)
    assert 0.2 < np.mean(info.is_accepted) < 1.0


def test_a_perfect_map_makes_independence_in_z_exact():
    class Normal(Perfect):
        scale = tf.constant([1.0, 1.0], tf.float64)

        def log_prob(self, z):
            return -0.5 * tf.reduce_sum(tf.square(z), axis=-1) - np.log(2.0 * np.pi)

        def sample_and_log_prob(self, n, *, seed):
            z = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
            return z, self.log_prob(z)

    kernel = make(Perfect(), inner=kernels.make("independence", model=Normal()))
    _, info = kernel.step(kernel.init(start()), seed=(1, 2))
    np.testing.assert_allclose(info.log_accept_ratio, 0.0, atol=1e-12)


def test_flawed_points_are_neither_evaluated_nor_accepted():
    target = Watched()
    # Its flaws go by the row, so that chains would be refused for where they start.
    kernel = make(Flawed(), target=target, max_round_trip_error=None)
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    assert all(np.isfinite(points).all() for points in target.points)
    assert np.isfinite(state.position).all()
    is_flawed = np.arange(200) % 4 != 0
    assert not np.any(info.is_accepted.numpy()[is_flawed])
    assert np.any(info.is_accepted)


class OneWay(Perfect):
    """Its inverse forgets the sign."""

    def inverse_and_log_det(self, x):
        z, log_det = super().inverse_and_log_det(x)
        return tf.abs(z), log_det


def test_points_that_do_not_come_back_are_refused_and_counted():
    x, _ = Perfect().forward_and_log_det(tf.fill([200, 2], np.float64(0.1)))
    kernel = make(OneWay())
    state, info = kernel.step(kernel.init(x), seed=3)
    assert info.tally.as_dict()["not_invertible"] > 50
    z, _ = Perfect().inverse_and_log_det(state.position)
    assert np.all(z >= 0.0)


@pytest.mark.parametrize("tolerance", [0.0, -1.0])
def test_an_unusable_tolerance_is_refused(tolerance):
    with pytest.raises(ConfigurationError, match="max_round_trip_error"):
        make(Perfect(), max_round_trip_error=tolerance)


def test_payload_follows_the_accepted_point():
    kernel = make(Perfect())
    x = tf.constant(start())
    state = kernel.init(x, payload=x)
    for step in range(3):
        request = kernel.propose(state, seed=(1, step))
        answer = Evaluation(log_prob(request.points), None, request.points)
        state, _ = kernel.complete(request.carry, answer, seed=(2, step))
    np.testing.assert_array_equal(state.payload, state.position)
    assert np.any(state.position != x)


def test_init_sees_new_weights():
    model = models.make("gaussian", event_size=2)
    kernel = make(model)
    before = kernel.init(start())
    model.fit_whitening(5.0 + start())
    after = kernel.init(before.position, before.log_prob)
    assert np.all(before.inner.position != after.inner.position)
    assert_consistent(after, model)


def test_a_model_that_is_no_exact_map_is_refused():
    class Density:
        event_size = 2
        log_prob = sample_and_log_prob = None

    with pytest.raises(ConfigurationError, match="latent_walk"):
        make(Density())


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_chains_that_stay_do_so_to_the_last_digit(name):
    """Mapped to z and back they would drift, and look as if they moved."""
    model = models.make("maf", event_size=2, num_layers=2, hidden_units=[8], seed=0)
    for variable in model.trainable_variables:
        variable.assign_add(0.2 * tf.ones_like(variable))
    inner = kernels.make(name, step_size=3.0)
    kernel = make(model, inner=inner)
    state = kernel.init(start())
    for step in range(3):
        before = state.position
        state, info = kernel.step(state, seed=(5, step))
        stayed = ~info.is_accepted.numpy()
        assert stayed.any()
        np.testing.assert_array_equal(
            state.position.numpy()[stayed], before.numpy()[stayed]
        )
        np.testing.assert_allclose(state.log_prob, log_prob(state.position))


def test_a_kernel_with_a_target_of_its_own_is_refused():
    """It would step on that target, whatever the map says."""
    brought = adapters.from_tfp(tfp.mcmc.RandomWalkMetropolis(log_prob))
    with pytest.raises(ConfigurationError, match="TransformedTransitionKernel"):
        make(Perfect(), inner=brought)
