"""Proposals stand for draws of the target, as many as their weights are worth."""

from types import SimpleNamespace

import numpy as np
import pytest

from flowmc import models
from flowmc.core.seeds import root_seed
from flowmc.sampling.recycling import recycle, worth_learning
from flowmc.sampling.sweep import SweepRecord
from flowmc.sampling.temper import effective_sample_size

CENTER, WIDTH = 1.0, 0.7  # of the target; proposals are standard normal
SEED = root_seed(1)


def log_target(x):
    return -0.5 * np.sum(((x - CENTER) / WIDTH) ** 2, axis=-1) - 3.0


@pytest.fixture(scope="module")
def learner():
    model = models.make("gaussian", event_size=2)
    model.fit_whitening(np.random.default_rng(0).normal(size=(4000, 2)))
    return SimpleNamespace(model=model, proposal=model)


def proposals(learner, n=20_000):
    x = learner.model.sample(n, seed=SEED).numpy()
    return x, log_target(x) - learner.model.log_prob(x).numpy()


def test_rows_are_weighted_draws_of_the_target(learner):
    x, log_weight = proposals(learner)
    found = recycle(learner, x, log_weight)
    effective = effective_sample_size(log_weight)
    assert found.worth.sum() == pytest.approx(effective, rel=1e-3)
    np.testing.assert_allclose(found.log_prob, log_target(found.x), rtol=1e-9)
    share = found.worth / found.worth.sum()
    error = 4.0 * WIDTH / np.sqrt(effective)
    assert np.all(np.abs(share @ found.x - CENTER) < error)
    sd = np.sqrt(share @ (found.x - share @ found.x) ** 2)
    np.testing.assert_allclose(sd, WIDTH, atol=error)


def test_too_few_that_count_are_left_out(learner):
    x, log_weight = proposals(learner, n=40)
    assert recycle(learner, x, log_weight) is None
    assert recycle(learner, x, np.full(40, -np.inf)) is None


def test_a_vae_has_no_density_to_weight_by():
    vae = models.make("vae", event_size=2, seed=0)
    few = SimpleNamespace(model=vae, proposal=None)
    assert recycle(few, np.zeros((200, 2)), np.zeros(200)) is None


def record_of(x, log_weight, *, num_local, num_jumps, num_chains=10):
    """A record of states far away, whose proposals are given."""
    num_sweeps = len(x) // (num_jumps * num_chains)
    states = (num_sweeps, num_local + num_jumps, num_chains)
    position = np.full((*states, 2), 50.0)
    position[:, :num_local] = 40.0
    shape = (num_sweeps, num_jumps, num_chains)
    return SweepRecord(
        position=position,
        log_prob=np.full(states, -9.0),
        is_accepted=np.ones(states, bool),
        local_acceptance=np.ones((num_sweeps, num_local)),
        proposal=x.reshape(*shape, 2),
        proposal_log_weight=log_weight.reshape(shape),
    )


def test_proposals_take_the_place_of_what_jumps_led_to(learner):
    x, log_weight = proposals(learner, n=4000)
    record = record_of(x, log_weight, num_local=4, num_jumps=10)
    drawn, log_prob = worth_learning(learner, record, most_states=8, seed=SEED)
    is_state = drawn[:, 0] == 40.0
    assert is_state.sum() == 40 * 4 * 10
    assert not (drawn == 50.0).any()
    recycled = drawn[~is_state]
    assert len(recycled) == int(effective_sample_size(log_weight))
    error = 5.0 * WIDTH / np.sqrt(len(recycled))
    np.testing.assert_allclose(recycled.mean(axis=0), CENTER, atol=error)
    np.testing.assert_allclose(log_prob[~is_state], log_target(recycled), rtol=1e-9)


def test_states_are_kept_where_proposals_are_worth_nothing(learner):
    x, log_weight = proposals(learner, n=4000)
    poor = np.where(np.arange(4000) < 3, 0.0, -np.inf)
    record = record_of(x, poor, num_local=4, num_jumps=10)
    drawn, log_prob = worth_learning(learner, record, most_states=7, seed=SEED)
    assert len(drawn) == len(log_prob) == 40 * 7 * 10
    assert {40.0, 50.0} == set(np.unique(drawn))
