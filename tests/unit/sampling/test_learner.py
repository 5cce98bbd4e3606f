"""What a run learns, which map rules, and that stored learning goes on identically."""

import numpy as np
import pytest

from flowmc import models
from flowmc.models.saving import get_arrays
from flowmc.sampling import judging
from flowmc.sampling.several import Several
from flowmc.targets import skewed_gaussian
from flowmc.training.gate import GateDecision
from tests.unit.sampling.runs import SCHEDULE, small_model


def make(model=None):
    model = small_model() if model is None else model
    return Several(2, model=model, schedule=SCHEDULE, seed=(1, 2))


def offer(learner, draws):
    log_prob = skewed_gaussian().host_fn(draws)
    learner.replay.add(draws, log_prob=log_prob)


@pytest.fixture(scope="module")
def taught():
    """A learner after one refit, what it knew then, and what it said."""
    learner = make()
    offer(learner, skewed_gaussian().sample(700, seed=3))
    history, notes = learner.refit(window=0, progress=False)
    arrays = {k: np.copy(v) for k, v in learner.to_arrays().items()}
    return learner, arrays, history, notes


def test_the_network_rules_where_it_is_better(taught):
    learner, _, history, notes = taught
    assert history.best_loss < history.baseline_loss - 0.01
    assert learner.rules == "network"
    assert learner.model is learner.network
    assert "refit kept" in notes[0]
    assert "beats the affine map" in notes[1]


def test_the_affine_map_rules_at_first_and_where_it_is_as_good():
    learner = make()
    assert learner.model is learner.affine
    offer(learner, np.random.default_rng(0).normal(size=(900, 2)))
    _, notes = learner.refit(window=0, progress=False)
    assert learner.rules == "affine"
    assert "does not beat" in notes[1]


def test_few_distinct_draws_are_left_to_the_affine_map():
    learner = make()
    few = np.random.default_rng(0).normal(size=(99, 2))
    offer(learner, np.repeat(few, 5, axis=0))
    history, notes = learner.refit(window=0, progress=False)
    assert history is None
    assert learner.rules == "affine"
    assert "fewer than 100 distinct draws" in notes[0]


def test_an_affine_model_has_nothing_to_train():
    learner = make("gaussian")
    offer(learner, np.random.default_rng(0).normal(size=(900, 2)) + 7.0)
    history, notes = learner.refit(window=0, progress=False)
    assert history is None
    assert "closed form" in notes[0]
    center = learner.model.forward_and_log_det(np.zeros(2))[0]
    np.testing.assert_allclose(center, 7.0, atol=0.2)


def test_tails_are_fitted_for_both_proposals(taught):
    learner, _, _, _ = taught
    for proposal in learner.proposals.values():
        location, _ = proposal.tails
        np.testing.assert_allclose(location, skewed_gaussian().mean, atol=0.5)


def refit_again(learner, *, shift=0.0):
    offer(learner, skewed_gaussian().sample(900, seed=4) + shift)
    return learner.refit(window=1, progress=False)


@pytest.mark.parametrize("shift", [0.0, 50.0], ids=["near", "drifted"])
def test_restored_learning_goes_on_identically(taught, shift):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    refit_again(learner, shift=shift)
    expected = {k: np.copy(v) for k, v in learner.to_arrays().items()}
    # As in a resumed run: the user's own model instance has weights already.
    used = small_model()
    for variable in used.trainable_variables:
        variable.assign_add(0.1 + 0.0 * variable)
    other = make(used)
    other.from_arrays(arrays)
    assert other.rules == "network"
    refit_again(other, shift=shift)
    assert set(other.to_arrays()) == set(expected)
    for path, array in other.to_arrays().items():
        np.testing.assert_array_equal(array, expected[path], err_msg=path)


def test_draws_that_drifted_start_the_network_afresh(taught):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    _, notes = refit_again(learner, shift=50.0)
    z = learner.network.whiten(learner.replay.draws)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.2)
    assert "refit kept" in notes[0]


def test_a_refit_that_fails_the_gate_is_rolled_back(taught, monkeypatch):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    before = get_arrays(learner.network)
    refused = GateDecision(False, "planted")
    monkeypatch.setattr(judging, "judge_refit", lambda *a, **k: refused)
    history, notes = refit_again(learner)
    assert notes == ["refit rolled back: planted"]
    assert history is not None
    for path, array in get_arrays(learner.network).items():
        np.testing.assert_array_equal(array, before[path])


def test_a_model_of_the_users_own_is_trained_in_place(taught):
    learner, _, _, _ = taught
    assert isinstance(learner.network, type(models.make("maf", event_size=2)))
    assert learner.proposals["network"].model is learner.network


def grown(learner):
    """A second set of weights for the network: those of another refit."""
    return {k: a + 0.05 for k, a in get_arrays(learner.network).items()}


def test_a_mixture_is_stored_and_restored(taught):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    learner.mix_with(grown(learner), weights=(0.7, 0.3))
    learner.fit_affine()
    assert learner.rules == "mixture"
    assert learner.model is learner.network
    x = skewed_gaussian().sample(200, seed=8)
    parts = [np.exp(part.log_prob(x)) for part in (learner.network, learner.second)]
    mixture = learner.proposals["mixture"].model
    np.testing.assert_allclose(
        mixture.log_prob(x), np.log([0.7, 0.3] @ np.stack(parts))
    )
    stored = {k: np.copy(v) for k, v in learner.to_arrays().items()}
    other = make()
    other.from_arrays(stored)
    assert other.rules == "mixture"
    for theirs, ours in zip(
        other.proposals["mixture"].sample_and_log_prob(50, seed=(3, 4)),
        learner.proposals["mixture"].sample_and_log_prob(50, seed=(3, 4)),
        strict=True,
    ):
        np.testing.assert_array_equal(theirs, ours)
    assert set(other.to_arrays()) == set(stored)
    for path, array in other.to_arrays().items():
        np.testing.assert_array_equal(array, stored[path], err_msg=path)


def test_a_mixture_can_be_undone_and_made_again(taught):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    learner.mix_with(grown(learner), weights=(0.5, 0.5))
    proposal = learner.proposals["mixture"]
    learner.unmix()
    assert learner.rules == "network"
    refit_again(learner)
    assert learner.rules != "mixture"
    learner.mix_with(grown(learner), weights=(0.9, 0.1))
    # What was compiled with it before is what goes on.
    assert learner.proposals["mixture"] is proposal
    np.testing.assert_allclose(proposal.model.weights, [0.9, 0.1])


def test_a_mixture_once_made_rules_after_refits(taught):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    learner.mix_with(grown(learner), weights=(0.5, 0.5))
    second = get_arrays(learner.second)
    refit_again(learner)
    assert learner.rules == "mixture"
    for path, array in get_arrays(learner.second).items():
        np.testing.assert_array_equal(array, second[path])


BASE = {"covariance": [[1.0, 0.6], [0.6, 2.0]], "location": [30.0, -30.0]}


def with_base():
    return models.make("maf", event_size=2, num_layers=2, hidden_units=[8], base=BASE)


def test_a_base_that_was_given_proposes_from_the_start():
    learner = make(with_base())
    assert learner.rules == "mixture"
    mixture = learner.proposals["mixture"].model
    x = mixture.sample(20_000, seed=1).numpy()
    np.testing.assert_allclose(x.mean(axis=0), BASE["location"], atol=0.05)
    np.testing.assert_allclose(np.cov(x.T), BASE["covariance"], atol=0.08)


def test_a_base_that_was_given_is_never_given_up():
    """All draws are from elsewhere, and yet its region is proposed."""
    learner = make(with_base())
    offer(learner, skewed_gaussian().sample(900, seed=3))
    learner.refit(window=0, progress=False)
    assert learner.rules == "mixture"
    x = learner.proposals["mixture"].model.sample(4000, seed=1).numpy()
    there = np.mean(np.abs(x - BASE["location"]).max(axis=1) < 8.0)
    assert 0.18 < there < 0.4  # a fifth, and what the network itself keeps there
    other = make(with_base())
    other.from_arrays(learner.to_arrays())
    draw = [a.proposals["mixture"].model.sample(9, seed=2) for a in (learner, other)]
    np.testing.assert_array_equal(*draw)


def test_following_the_annealing_tries_the_network_only_where_jumps_are_poor(taught):
    learner, arrays, _, _ = taught
    for is_poor in (False, True):
        learner.from_arrays(arrays)
        learner.restart()
        learner.rules = "affine"
        before = get_arrays(learner.network)
        learner.follow(level=3, is_poor=is_poor)
        moved = any(
            not np.array_equal(array, before[path])
            for path, array in get_arrays(learner.network).items()
        )
        assert moved == is_poor
        assert learner.rules == ("network" if is_poor else "affine")
        center = learner.affine.forward_and_log_det(np.zeros(2))[0]
        np.testing.assert_allclose(center, learner.replay.draws.mean(axis=0), atol=0.3)


def test_another_family_that_is_no_better_leaves_everything_as_it_was(taught):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    network, proposal = learner.network, learner.proposals["network"]
    before = {k: np.copy(v) for k, v in learner.to_arrays().items()}
    note = learner.try_family("gaussian", window=9, progress=False)
    assert "is no better than maf" in note
    # Sweeps were compiled with these very objects.
    assert learner.network is network
    assert learner.proposals["network"] is proposal
    for path, array in learner.to_arrays().items():
        np.testing.assert_array_equal(array, before[path], err_msg=path)


def test_another_family_that_the_gate_refuses_is_not_taken(taught, monkeypatch):
    learner, arrays, _, _ = taught
    learner.from_arrays(arrays)
    learner._best_loss = np.inf  # whatever comes would be better
    network = learner.network
    refused = GateDecision(False, "planted")
    monkeypatch.setattr(judging, "judge_refit", lambda *a, **k: refused)
    note = learner.try_family("realnvp", window=9, progress=False)
    assert "is no better than maf" in note
    assert learner.network is network
