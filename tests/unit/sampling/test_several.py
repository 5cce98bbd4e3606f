"""Several networks as one proposal: its density, its draws, and how it is kept."""

from dataclasses import replace

import numpy as np
import pytest

from flowmc.sampling.several import Several
from flowmc.targets import skewed_gaussian
from tests.unit.sampling.runs import SCHEDULE, small_model

TARGET = skewed_gaussian()
COUNT = 3
FEW = replace(SCHEDULE, num_networks=2)


def make(model=None):
    model = small_model() if model is None else model
    return Several(2, model=model, schedule=SCHEDULE, seed=(1, 2))


@pytest.fixture(scope="module")
def convened():
    """A learner that ends with several networks, and what it said."""
    learner = make()
    draws = TARGET.sample(700, seed=3)
    learner.replay.add(draws, log_prob=TARGET.host_fn(draws))
    learner.refit(window=0, progress=False)
    return learner, learner.convene(COUNT, window=1, progress=False)


def test_they_propose_together_and_the_first_is_as_it_was(convened):
    learner, note = convened
    assert note == f"{COUNT} networks propose together"
    assert learner.rules == "several"
    assert learner.model is learner.network
    points = TARGET.sample(50, seed=4)
    rows = [part.log_prob(points).numpy() for part in learner.density.parts]
    assert not np.allclose(rows[0], rows[1])
    expected = np.logaddexp.reduce(rows, axis=0) - np.log(COUNT)
    np.testing.assert_allclose(learner.density.log_prob(points), expected)


def test_draws_weighted_by_the_density_give_the_evidence(convened):
    proposal = convened[0].proposal
    x, log_q = proposal.sample_and_log_prob(20_000, seed=5)
    weight = np.exp(TARGET.host_fn(x.numpy()) - log_q.numpy())
    evidence, error = weight.mean(), weight.std() / len(weight) ** 0.5
    truth = np.exp(TARGET.log_evidence)
    assert error < 0.01 * truth
    assert abs(evidence - truth) < 4 * error


def test_another_density_for_the_same_draws_is_seen(convened):
    """A mistake: weights of another map's proposal, for draws of these."""
    learner = convened[0]
    x, log_q = learner.proposal.sample_and_log_prob(20_000, seed=5)
    alone = learner.proposals["affine"].log_prob(x).numpy()
    # Densities relative to one another: 1 on average only under what was drawn from.
    ratio = np.exp(log_q.numpy() - alone)
    assert abs(ratio.mean() - 1.0) > 8 * ratio.std() / len(ratio) ** 0.5
    right = 1.0 / ratio  # the other way round all is well
    assert abs(right.mean() - 1.0) < 4 * right.std() / len(right) ** 0.5


def test_stored_and_restored_to_the_last_bit(convened):
    learner = convened[0]
    again = make()
    again.from_arrays({k: np.copy(v) for k, v in learner.to_arrays().items()})
    assert again.rules == "several"
    assert len(again.members) == COUNT - 1
    expected = learner.proposal.sample_and_log_prob(20, seed=1)
    found = again.proposal.sample_and_log_prob(20, seed=1)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again.dissolve()
    assert again.rules == "network"
    assert not any(name.startswith("member_") for name in again.to_arrays())


def test_the_network_of_an_earlier_temperature_joins(convened):
    learner = Several(2, model=small_model(), schedule=FEW, seed=(1, 2))
    learner.from_arrays({k: np.copy(v) for k, v in convened[0].to_arrays().items()})
    learner.dissolve()
    learner.keep_warm(0.8)
    assert not learner.warm
    learner.keep_warm(0.6)
    note = learner.convene(2, window=3, progress=False)
    assert note.endswith("15% from that of an earlier temperature")
    np.testing.assert_allclose(learner.density.weights, [0.425, 0.425, 0.15])
    again = make()
    again.from_arrays({k: np.copy(v) for k, v in learner.to_arrays().items()})
    points = TARGET.sample(20, seed=6)
    expected = learner.proposal.log_prob(points)
    np.testing.assert_array_equal(again.proposal.log_prob(points), expected)


def test_an_affine_map_stands_alone():
    learner = make()
    learner.replay.add(np.random.default_rng(0).normal(size=(900, 2)))
    learner.fit_affine()
    assert learner.convene(COUNT, window=0, progress=False) == ""
    assert learner.rules == "affine"


def test_a_family_begins_each_network_anew():
    learner = make("gaussian"), make("maf")
    first = [{**one._first_weights(1)} for one in learner]
    again = [{**one._first_weights(2)} for one in learner]
    assert any(not np.array_equal(first[1][k], again[1][k]) for k in first[1])
    assert learner[0].convene(COUNT, window=0, progress=False) == ""
