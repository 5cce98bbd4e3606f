"""A VAE in the place of a flow: settings, refusals, and what survives a copy."""

import copy
import pickle

import emcee
import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.models.saving import get_arrays
from flowmc.moves import FlowMove, VAEMove
from flowmc.sampling.settings import TrainSettings
from tests.unit.moves.fakes import make_sampler, start

SMALL = {"hidden_units": [4], "latent_size": 1}
TRAIN = TrainSettings(
    max_steps=100, batch_size=32, capacity=256, min_draws_per_parameter=10
)


def make(num_adapt=32, **options):
    options = {**SMALL, "train": TRAIN, "train_every": num_adapt, **options}
    return VAEMove("vae", num_adapt, **options)


def pickled(move):
    return pickle.loads(pickle.dumps(move))


@pytest.fixture(scope="module")
def frozen():
    """A frozen move with the VAE in force, and the sampler that used it."""
    move = make()
    sampler = make_sampler(move)
    sampler.run_mcmc(start(), 32)
    move._adaptation._learner.rules = "network"
    sampler.run_mcmc(None, 4)
    return move, sampler


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_importance": 0}, "`num_importance` must be at least 1; got 0"),
        ({"defensive_weight": 0.0}, "`defensive_weight` must lie strictly"),
        ({"num_codes": 3}, "Options of the model `vae` are: .*latent_size"),
    ],
)
def test_wrong_options_get_one_sentence(options, text):
    with pytest.raises(ConfigurationError, match=text):
        make(**options)


@pytest.mark.parametrize("flow", ["maf", models.make("gaussian", event_size=2)])
def test_a_flow_is_refused_and_the_right_move_named(flow):
    with pytest.raises(ConfigurationError, match="`VAEMove`.*Use `FlowMove`"):
        VAEMove(flow, 8)


def test_flow_move_refuses_a_vae_and_names_the_right_move():
    sampler = make_sampler(FlowMove("vae", 8, **SMALL))
    with pytest.raises(ConfigurationError, match="Use `VAEMove`"):
        sampler.run_mcmc(start(), 1)


def test_more_codes_than_parameters_are_refused():
    sampler = make_sampler(make(latent_size=3))
    with pytest.raises(ConfigurationError, match="`latent_size` must be at most"):
        sampler.run_mcmc(start(), 1)


def test_it_is_a_move_that_starts_with_nothing():
    move = make()
    assert isinstance(move, emcee.moves.Move)
    assert move.model is None
    assert move.frozen_at is None
    assert "VAEMove, map in force: none" in move.report()


def test_it_learns_freezes_and_moves(frozen):
    move, sampler = frozen
    assert move.frozen_at == 32
    assert move.model.name == "vae"
    assert len(move.history) == 1
    assert move.history[0].training is not None
    assert 0.2 < move.acceptance_fraction <= 1.0
    assert np.isfinite(sampler.get_log_prob()).all()
    assert "VAEMove, map in force: vae" in move.report()


def test_the_callers_own_model_is_left_alone():
    model = models.make("vae", event_size=2, **SMALL)
    before = get_arrays(model)
    move = VAEMove(model, 16, train=TRAIN, train_every=16)
    make_sampler(move).run_mcmc(start(), 17)
    assert any(np.any(a != b) for a, b in _pairs(before, get_arrays(_network(move))))
    assert not any(np.any(a != b) for a, b in _pairs(before, get_arrays(model)))


@pytest.mark.parametrize("clone", [copy.deepcopy, pickled])
def test_a_copy_goes_on_alike(frozen, clone):
    move, sampler = frozen
    other = clone(move)
    coords = sampler.get_last_sample().coords
    chains = []
    for each in (move, other):
        continued = make_sampler(each, seed=5)
        continued.run_mcmc(coords, 4)
        chains.append(continued.get_chain())
    np.testing.assert_array_equal(*chains)


def _network(move):
    return move._adaptation._learner.network


def _pairs(first, second):
    return [(first[name], second[name]) for name in first]
