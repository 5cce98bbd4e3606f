"""Independence jumps: blocks, bookkeeping, and points nobody should evaluate."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.core.types import Evaluation
from tests.unit.kernels.targets import Flawed, Perfect, Watched, log_prob, start


def make(model, **options):
    target = options.pop("target", log_prob)
    return kernels.make(
        "independence", target_log_prob_fn=target, model=model, **options
    )


def test_a_perfect_model_is_always_accepted():
    kernel = make(Perfect(), num_steps=3)
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    np.testing.assert_allclose(info.log_accept_ratio, 0.0, atol=1e-12)
    assert np.mean(info.path.is_accepted) > 0.999
    np.testing.assert_allclose(state.log_weight, 0.0, atol=1e-12)


def test_one_block_is_one_evaluation():
    target = Watched()
    kernel = make(Perfect(), num_steps=5, target=target)
    state = kernel.init(start(30))
    kernel.step(state, seed=(1, 2))
    assert [len(points) for points in target.points] == [30, 150]


def test_the_path_holds_every_state_and_every_proposal():
    kernel = make(Perfect(), num_steps=4, target=lambda x: 0.3 * log_prob(x))
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    path = info.path
    assert path.position.shape == path.proposal.shape == (4, 40, 2)
    assert path.is_accepted.shape == path.proposal_log_weight.shape == (4, 40)
    previous = start(40)
    for position, proposal, is_accepted in zip(
        path.position.numpy(),
        path.proposal.numpy(),
        path.is_accepted.numpy(),
        strict=True,
    ):
        expected = np.where(is_accepted[:, None], proposal, previous)
        np.testing.assert_array_equal(position, expected)
        previous = position
    np.testing.assert_array_equal(previous, state.position)
    np.testing.assert_array_equal(path.is_accepted[-1], info.is_accepted)
    flat = tf.reshape(path.proposal, [-1, 2])
    log_weight = 0.3 * log_prob(flat) - log_prob(flat)
    np.testing.assert_allclose(tf.reshape(path.proposal_log_weight, [-1]), log_weight)
    np.testing.assert_allclose(path.log_prob[-1], state.log_prob)


def test_the_cache_is_target_minus_model_and_init_rebuilds_it():
    kernel = make(Perfect(), target=lambda x: 0.3 * log_prob(x))
    state = kernel.init(start())
    np.testing.assert_allclose(state.log_weight, -0.7 * log_prob(start()))
    state, _ = kernel.step(state, seed=(1, 2))
    rebuilt = kernel.init(state.position, state.log_prob)
    np.testing.assert_allclose(rebuilt.log_weight, state.log_weight)


def test_flawed_proposals_are_neither_evaluated_nor_accepted():
    target = Watched()
    kernel = make(Flawed(), num_steps=2, target=target)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert all(np.isfinite(points).all() for points in target.points)
    assert np.isfinite(state.position).all()
    is_flawed = (np.arange(80) % 4 != 0).reshape(2, 40)
    assert not np.any(info.path.is_accepted.numpy()[is_flawed])
    assert np.all(np.isneginf(info.path.proposal_log_weight.numpy()[is_flawed]))
    assert np.any(info.path.is_accepted)


def test_zero_density_is_left_and_never_entered():
    def right_half(x):
        return tf.where(x[:, 0] > 0.0, log_prob(x), tf.constant(-np.inf, tf.float64))

    kernel = make(Perfect(), target=right_half, num_steps=8)
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    was_outside = start()[:, 0] <= 0.0
    entered = info.path.is_accepted & (info.path.proposal[..., 0] <= 0.0)
    assert was_outside.any()
    assert not np.any(entered)
    # From zero density any point of positive density is accepted at once.
    first = info.path.is_accepted[0].numpy()[was_outside]
    inside = info.path.proposal[0, :, 0].numpy()[was_outside] > 0.0
    np.testing.assert_array_equal(first, inside)


def test_payload_follows_the_accepted_point():
    kernel = make(Perfect(), num_steps=3, target=lambda x: 0.3 * log_prob(x))
    x = tf.constant(start())
    state = kernel.init(x, payload={"copy": x})
    request = kernel.propose(state, seed=(1, 2))
    answer = Evaluation(0.3 * log_prob(request.points), None, {"copy": request.points})
    state, _ = kernel.complete(request.carry, answer, seed=(3, 4))
    np.testing.assert_array_equal(state.payload["copy"], state.position)


@pytest.mark.parametrize("num_steps", [0, -1, 1.5])
def test_bad_number_of_steps(num_steps):
    with pytest.raises(ConfigurationError, match="`num_steps` must be"):
        make(Perfect(), num_steps=num_steps)


def test_a_model_without_density_is_refused():
    with pytest.raises(ConfigurationError, match="latent_independence"):
        make(object())


class Narrow:
    """A density on a square."""

    event_size = 2

    def log_prob(self, x):
        inside = tf.reduce_all(tf.abs(x) < 1.0, axis=-1)
        return tf.where(inside, tf.zeros_like(x[:, 0]), np.float64(-np.inf))

    def sample_and_log_prob(self, n, *, seed):
        x = tf.random.stateless_uniform([n, 2], seed, dtype=tf.float64)
        return x, self.log_prob(x)


@pytest.mark.parametrize("name", ["independence", "multiple_try"])
def test_a_start_that_the_model_cannot_score_is_named(name):
    """The chain would stand still there for ever."""
    kernel = kernels.make(name, target_log_prob_fn=log_prob, model=Narrow())
    with pytest.raises(ModelError, match="chain 1"):
        kernel.init(np.array([[0.5, 0.5], [3.0, 0.0]]))
