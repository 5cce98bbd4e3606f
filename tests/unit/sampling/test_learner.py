"""What a run learns, which map rules, and that stored learning goes on identically."""

import numpy as np
import pytest

from flowmc import models
from flowmc.models.saving import get_arrays
from flowmc.sampling import learner as learner_module
from flowmc.sampling.learner import Learner
from flowmc.targets import skewed_gaussian
from flowmc.training.gate import GateDecision
from tests.unit.sampling.runs import SCHEDULE, small_model


def make(model=None):
    model = small_model() if model is None else model
    return Learner(2, model=model, schedule=SCHEDULE, seed=(1, 2))


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
    monkeypatch.setattr(learner_module, "judge_refit", lambda *a, **k: refused)
    history, notes = refit_again(learner)
    assert notes == ["refit rolled back: planted"]
    assert history is not None
    for path, array in get_arrays(learner.network).items():
        np.testing.assert_array_equal(array, before[path])


def test_a_model_of_the_users_own_is_trained_in_place(taught):
    learner, _, _, _ = taught
    assert isinstance(learner.network, type(models.make("maf", event_size=2)))
    assert learner.proposals["network"].model is learner.network
