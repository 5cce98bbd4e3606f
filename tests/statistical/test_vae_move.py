"""The VAE move leaves its target alone, inside emcee's own loop; mistakes are seen."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from flowmc.moves import VAEMove
from flowmc.sampling.settings import TrainSettings
from tests.statistical.latent import ElboAsLogQ, EstimateAsLogQ
from tests.statistical.test_flow_move import (
    BETA,
    BOUNDS,
    BROKEN,
    SOUND,
    TARGET,
    bounded_draws,
    bounded_log_prob,
    exact_moments,
    moments,
    sample,
    z_scores,
)

NUM_WALKERS = 20_000
TRAIN = TrainSettings(max_steps=300, batch_size=128, capacity=1024, patience=300)
NUM_ADAPT = 128
OPTIONS = {
    "latent_size": 2,
    "hidden_units": [16],
    "train": TRAIN,
    "train_every": NUM_ADAPT // 2,
}


@pytest.fixture(scope="module")
def narrow_run():
    """A small VAE, alone in an ensemble that starts in a narrow ball."""
    move = VAEMove("vae", NUM_ADAPT, **OPTIONS)
    start = 1e-2 * np.random.default_rng(1).normal(size=(32, 2))
    sampler = sample(move, start, steps=NUM_ADAPT, seed=1)
    # Clusters may propose as well as so small a VAE; the VAE is what is tested.
    move._adaptation._learner.rules = "network"
    sampler.run_mcmc(None, 800)
    return move, sampler


def altered(move, *, num_importance, strength=0.2):
    """Return a copy with a spoilt VAE in force, and another number of codes."""
    other = copy.deepcopy(move)
    adaptation = other._adaptation
    adaptation.settings = replace(adaptation.settings, num_importance=num_importance)
    adaptation._learner.rules = "network"
    random = np.random.default_rng(3)
    for variable in adaptation._learner.network.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return other


def worst_z(move):
    sampler = sample(move, TARGET.sample(NUM_WALKERS, seed=2))
    assert sampler.acceptance_fraction.mean() > 0.05
    z = z_scores(moments(sampler.get_chain()[-1]), exact_moments())
    return np.abs(z).max()


def test_a_vae_rules_and_is_frozen(narrow_run):
    move, sampler = narrow_run
    assert move.model.name == "vae"
    assert move.frozen_at == NUM_ADAPT
    assert any("vae " in n for r in move.history for n in r.notes)
    assert move.acceptance_fraction > 0.4
    assert move.num_masked == 0
    assert "VAEMove, map in force: vae" in move.report()


def test_long_run_from_a_narrow_start_has_the_moments(narrow_run):
    move, sampler = narrow_run
    draws = sampler.get_chain(discard=move.frozen_at)
    z = z_scores(moments(draws).mean(axis=0), exact_moments())
    assert np.abs(z).max() < SOUND, z


@pytest.mark.parametrize("num_importance", [1, 8, 64])
def test_frozen_move_leaves_the_target_invariant(narrow_run, num_importance):
    move = altered(narrow_run[0], num_importance=num_importance)
    assert worst_z(move) < SOUND


@pytest.mark.parametrize(
    ("mistake", "num_importance"),
    [(ElboAsLogQ, 8), (EstimateAsLogQ, 1), (EstimateAsLogQ, 8)],
)
def test_mistakes_are_seen(narrow_run, monkeypatch, mistake, num_importance):
    monkeypatch.setattr("flowmc.moves.vae_adaptation.LatentProposal", mistake)
    move = altered(narrow_run[0], num_importance=num_importance)
    assert worst_z(move) > BROKEN


def test_bounds_are_kept_and_exact():
    train = TrainSettings(max_steps=100, batch_size=64, capacity=1024)
    move = VAEMove("vae", 4, bounds=BOUNDS, **{**OPTIONS, "train": train})
    sample(move, bounded_draws(512, 0), steps=4, function=bounded_log_prob)
    move = altered(move, num_importance=4, strength=0.1)
    sampler = sample(move, bounded_draws(NUM_WALKERS, 4), function=bounded_log_prob)
    exact = [2.0, BETA.mean(), 6.0, BETA.moment(2), 2.0 * BETA.mean()]
    z = z_scores(moments(sampler.get_chain()[-1]), np.array(exact))
    assert np.abs(z).max() < SOUND, z


def test_a_copy_goes_on_alike(narrow_run):
    move, sampler = narrow_run
    start = sampler.get_last_sample().coords
    one, two = (
        sample(m, start, steps=5).get_chain() for m in (move, copy.deepcopy(move))
    )
    np.testing.assert_array_equal(one, two)
