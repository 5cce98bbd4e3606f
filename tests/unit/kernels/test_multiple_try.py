"""Choosing among many draws: with which probability, and from usable ones only."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation
from flowmc.kernels.multiple_try import MultipleTry
from tests.statistical.invariance import (
    FAIL,
    PASS,
    TARGET,
    exact_draws,
    largest_z,
    proposal,
)
from tests.unit.kernels.targets import Flawed, Perfect, Watched, log_prob, start

DEAD = tf.constant(-np.inf, tf.float64)


def make(model=None, *, target=log_prob, **options):
    return kernels.make(
        "multiple_try", target_log_prob_fn=target, model=model or Perfect(), **options
    )


class Line:
    """A standard normal in one dimension."""

    event_size = 1

    def log_prob(self, x):
        return -0.5 * tf.square(x[:, 0])

    def sample_and_log_prob(self, n, *, seed):
        x = tf.random.stateless_normal([n, 1], seed, dtype=tf.float64)
        return x, self.log_prob(x)


@pytest.mark.parametrize("num_proposals", [1, 4, 9])
def test_a_perfect_model_is_left_evenly(num_proposals):
    kernel = make(num_proposals=num_proposals)
    _, info = kernel.step(kernel.init(start(4000)), seed=(1, 2))
    share = num_proposals / (num_proposals + 1)
    np.testing.assert_allclose(np.exp(info.log_accept_ratio), share)
    error = np.sqrt(share * (1.0 - share) / 4000)
    assert abs(np.mean(info.is_accepted) - share) < PASS * error


def test_one_proposal_is_accepted_as_barker_would():
    kernel = make(target=lambda x: 0.3 * log_prob(x), num_proposals=1)
    state = kernel.init(start(5000))
    _, info = kernel.step(state, seed=(1, 2))
    odds = np.exp(info.path.proposal_log_weight[0] - state.log_weight)
    np.testing.assert_allclose(np.exp(info.log_accept_ratio), odds / (1.0 + odds))
    excess = info.is_accepted.numpy() - odds / (1.0 + odds)
    assert abs(excess.mean()) < PASS * excess.std() / np.sqrt(5000)


@pytest.mark.parametrize("num_proposals", [1, 6])
def test_another_target_is_left_alone(num_proposals):
    before = exact_draws()[:5000]
    kernel = make(proposal(), target=TARGET.graph_fn, num_proposals=num_proposals)
    state = kernel.init(before)
    for step in range(3):
        state, info = kernel.step(state, seed=(3, step))
    assert largest_z(state.position.numpy(), before=before) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))
    # The proposals are an importance sample of the same target.
    weight = np.exp(info.path.proposal_log_weight.numpy().ravel())
    error = weight.std() / np.sqrt(weight.size)
    assert abs(weight.mean() - np.exp(TARGET.log_evidence)) < PASS * error


class Unscored(MultipleTry):
    """Chooses by the target alone, whatever the proposals' density is."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        current, points, log_q = request.carry
        current = current._replace(log_weight=current.log_prob)
        return request._replace(carry=(current, points, 0.0 * log_q))


def test_control_weights_without_the_model_are_seen():
    kernel = Unscored(target_log_prob_fn=TARGET.graph_fn, model=proposal())
    state, _ = kernel.step(kernel.init(exact_draws()), seed=(1, 2))
    assert largest_z(state.position.numpy()) > FAIL


def test_the_path_holds_every_proposal_and_the_chosen_ones():
    kernel = make(target=lambda x: 0.3 * log_prob(x), num_proposals=5)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    path = info.path
    assert path.proposal.shape == (5, 40, 2)
    assert path.proposal_log_prob.shape == path.proposal_log_weight.shape == (5, 40)
    log_weight = 0.3 * log_prob(path.proposal[2]) - log_prob(path.proposal[2])
    np.testing.assert_allclose(path.proposal_log_weight[2], log_weight)
    np.testing.assert_array_equal(path.position[0], state.position)
    np.testing.assert_array_equal(path.log_prob[0], state.log_prob)
    np.testing.assert_array_equal(path.is_accepted[0], info.is_accepted)
    candidates = np.concatenate([start(40)[None], path.proposal])
    matches = np.all(candidates == state.position.numpy(), axis=-1)
    np.testing.assert_array_equal(matches.sum(axis=0), 1)
    np.testing.assert_array_equal(matches.argmax(axis=0) > 0, info.is_accepted)
    rebuilt = kernel.init(state.position, state.log_prob)
    np.testing.assert_allclose(rebuilt.log_weight, state.log_weight)


def test_payload_follows_the_chosen_point():
    kernel = make(num_proposals=3)
    x = tf.constant(start())
    state = kernel.init(x, payload=[x, x[:, 0]])
    request = kernel.propose(state, seed=(1, 2))
    payload = [request.points, request.points[:, 0]]
    answer = Evaluation(log_prob(request.points), None, payload)
    state, info = kernel.complete(request.carry, answer, seed=(3, 4))
    assert 0.5 < np.mean(info.is_accepted) < 1.0
    np.testing.assert_array_equal(state.payload[0], state.position)
    np.testing.assert_array_equal(state.payload[1], state.position[:, 0])


def test_flawed_proposals_are_neither_evaluated_nor_chosen():
    target = Watched()
    kernel = make(Flawed(), target=target, num_proposals=2)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert all(np.isfinite(points).all() for points in target.points)
    assert np.isfinite(state.position).all()
    is_flawed = (np.arange(80) % 4 != 0).reshape(2, 40)
    assert np.all(np.isneginf(info.path.proposal_log_weight.numpy()[is_flawed]))
    assert not np.any(info.is_accepted.numpy()[is_flawed.all(axis=0)])
    assert np.any(info.is_accepted)
    assert info.tally.as_dict()["bad_proposals"] == is_flawed.sum()


def test_without_any_usable_proposal_chains_stay():
    kernel = make(target=lambda x: tf.fill(x.shape[:1], DEAD))
    state = kernel.init(start(), log_prob(start()))
    after, info = kernel.step(state, seed=(1, 2))
    assert not np.any(info.is_accepted)
    assert np.all(np.isneginf(info.log_accept_ratio))
    np.testing.assert_array_equal(after.position, start())


def test_a_start_of_zero_density_moves_at_once():
    def half_plane(x):
        return tf.where(x[:, 0] > 0.0, log_prob(x), DEAD)

    kernel = make(target=half_plane, num_proposals=30)
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    assert np.all(state.position[:, 0] > 0.0)
    np.testing.assert_array_equal(
        info.log_accept_ratio.numpy()[start()[:, 0] < 0.0], 0.0
    )


def test_one_dimension_compiled():
    kernel = make(Line(), target=lambda x: -0.5 * tf.square(x[:, 0] - 0.5))
    program = tf.function(kernel.step, jit_compile=True, autograph=False)
    state = kernel.init(0.5 + np.random.default_rng(0).normal(size=(3000, 1)))
    for step in range(2):
        state, info = program(state, seed=tf.constant([1, step]))
    assert np.mean(info.is_accepted) > 0.7
    np.testing.assert_allclose(np.mean(state.position), 0.5, atol=0.08)
    np.testing.assert_allclose(np.std(state.position), 1.0, atol=0.06)


def test_inside_a_map():
    inner = kernels.make("multiple_try", model=Perfect(), num_proposals=3)
    kernel = kernels.make(
        "preconditioned", target_log_prob_fn=log_prob, model=Perfect(), inner=inner
    )
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    assert np.mean(info.is_accepted) > 0.5
    np.testing.assert_allclose(state.log_prob, log_prob(state.position))


def test_a_model_without_density_is_refused():
    with pytest.raises(ConfigurationError, match="For a VAE use `latent_independence`"):
        kernels.make("multiple_try", model=object())


@pytest.mark.parametrize("num_proposals", [0, 2.5])
def test_bad_number_of_proposals(num_proposals):
    with pytest.raises(ConfigurationError, match="`num_proposals` must be"):
        make(num_proposals=num_proposals)
