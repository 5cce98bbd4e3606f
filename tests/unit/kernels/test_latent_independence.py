"""Jumps of a VAE: codes, blocks, bookkeeping, and points nobody should evaluate."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation
from flowmc.kernels.independence import Independence, IndependencePath
from flowmc.kernels.latent_proposal import LatentProposal
from flowmc.models.heavy_tails import HeavyTails
from tests.unit.kernels.latent_models import Blind, Broken, perfect, spoilt
from tests.unit.kernels.targets import Watched, log_prob, start


def make(model=None, **options):
    target = options.pop("target", log_prob)
    return kernels.make(
        "latent_independence",
        target_log_prob_fn=target,
        model=spoilt() if model is None else model,
        **options,
    )


def tails():
    density = HeavyTails(2)
    density.fit_tails(start(500))
    return density


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_importance": 0}, "`num_importance` must be at least 1; got 0"),
        ({"num_importance": 2.5}, "`num_importance` must be an integer"),
        ({"num_steps": 0}, "`num_steps` must be at least 1"),
        ({"defensive_weight": 1.0}, "`defensive_weight` must lie strictly between"),
        ({"defensive": "t"}, "`defensive` must have `log_prob`.*HeavyTails"),
    ],
)
def test_wrong_options_get_one_sentence(options, text):
    with pytest.raises(ConfigurationError, match=text):
        make(**options)


@pytest.mark.parametrize("num_importance", [1, 5])
def test_a_perfect_model_is_always_accepted(num_importance):
    kernel = make(perfect(), num_importance=num_importance, num_steps=3)
    _, info = kernel.step(kernel.init(start()), seed=(1, 2))
    np.testing.assert_allclose(info.log_accept_ratio, 0.0, atol=1e-10)
    assert np.mean(info.path.is_accepted) > 0.999


def test_it_is_an_independence_kernel_with_its_path():
    target = Watched()
    kernel = make(target=target, num_steps=4, num_importance=3)
    assert isinstance(kernel, Independence)
    state = kernel.init(start(40))
    state, info = kernel.step(state, seed=(1, 2))
    assert [len(points) for points in target.points] == [40, 160]
    path = info.path
    assert isinstance(path, IndependencePath)
    assert path.position.shape == path.proposal.shape == (4, 40, 2)
    assert path.proposal_log_weight.shape == (4, 40)
    np.testing.assert_array_equal(path.position[-1], state.position)
    assert info.tally.as_dict()["log_prob_calls"] == 160


def test_codes_are_kept_within_a_block_and_drawn_anew_for_the_next():
    kernel = make(num_steps=3, num_importance=2)
    state, _ = kernel.step(kernel.init(start(40)), seed=(1, 2))
    same = kernel.propose(state, seed=tf.constant([5, 6])).carry[0].log_weight
    other = kernel.propose(state, seed=tf.constant([7, 8])).carry[0].log_weight
    assert np.all(same.numpy() != other.numpy())
    np.testing.assert_array_equal(
        same, kernel.propose(state, seed=tf.constant([5, 6])).carry[0].log_weight
    )


def test_a_draw_is_scored_with_its_own_code():
    proposal = LatentProposal(
        spoilt(), num_importance=1, defensive=None, defensive_weight=0.1
    )
    drawn = proposal.draw(30, seed=tf.constant([1, 2]))
    model = proposal.model
    expected = model.log_prior(drawn.z) + model.log_decoder(drawn.x, drawn.z)
    expected -= model.log_encoder(drawn.z, drawn.x)
    for seed in ([3, 4], [5, 6]):
        log_q = proposal.log_density(drawn, seed=tf.constant(seed))
        np.testing.assert_allclose(log_q, expected, atol=1e-9)


def test_defended_draws_have_no_code_and_count_in_the_density():
    density = tails()
    proposal = LatentProposal(
        perfect(), num_importance=4, defensive=density, defensive_weight=0.3
    )
    drawn = proposal.draw(4000, seed=tf.constant([1, 2]))
    assert abs(np.mean(drawn.is_coded) - 0.7) < 0.03
    expected = np.logaddexp(
        np.log(0.7) + log_prob(drawn.x), np.log(0.3) + density.log_prob(drawn.x)
    )
    log_q = proposal.log_density(drawn, seed=tf.constant([3, 4]))
    np.testing.assert_allclose(log_q, expected, atol=1e-8)


def test_broken_draws_are_neither_evaluated_nor_accepted():
    target = Watched()
    kernel = make(Broken(), target=target, num_steps=2)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert all(np.isfinite(points).all() for points in target.points)
    assert np.isfinite(state.position).all()
    is_broken = np.isin(np.arange(80) % 4, [1, 2]).reshape(2, 40)
    assert not np.any(info.path.is_accepted.numpy()[is_broken])
    assert np.all(np.isneginf(info.path.proposal_log_weight.numpy()[is_broken]))
    assert info.tally.as_dict()["bad_proposals"] == 40
    assert np.any(info.path.is_accepted)


def test_nothing_moves_where_the_model_is_blind_but_the_tails_do():
    kernel = make(Blind())
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    np.testing.assert_array_equal(state.position, start(40))
    assert info.tally.as_dict()["bad_proposals"] == 40
    kernel = make(Blind(), defensive=tails(), defensive_weight=0.5)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert 5 < np.sum(info.is_accepted) < 35
    assert 5 < info.tally.as_dict()["bad_proposals"] < 35


def test_a_chain_at_zero_density_leaves_it():
    position = start(10)
    density = np.where(np.arange(10) < 5, -np.inf, 0.0) + log_prob(position)
    kernel = make(perfect())
    _, info = kernel.step(kernel.init(position, density), seed=(1, 2))
    assert np.all(info.is_accepted[:5])


def test_payload_follows():
    kernel = make(num_steps=2)
    state = kernel.init(start(30), payload=start(30)[:, 0])
    request = kernel.propose(state, seed=tf.constant([1, 2]))
    answer = Evaluation(log_prob(request.points), None, request.points[:, 0])
    state, _ = kernel.complete(request.carry, answer, seed=tf.constant([3, 4]))
    np.testing.assert_array_equal(state.payload, state.position[:, 0])
