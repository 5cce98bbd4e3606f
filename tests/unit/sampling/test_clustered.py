"""Clusters in a run: they rule where they are better, share a proposal where not."""

from dataclasses import replace

import numpy as np
import pytest

import flowmc
from flowmc.models.mixture import MixtureDensity
from flowmc.sampling.learner import Learner
from flowmc.sampling.settings import Schedule
from flowmc.targets import skewed_gaussian, two_gaussians
from tests.unit.sampling.runs import SCHEDULE, small_model

TARGET = two_gaussians(2, separation=4.0)  # a third of the mass at +4, the rest at -4


def make(*, is_free: bool = False, most: int = 8) -> Learner:
    schedule = replace(SCHEDULE, max_clusters=most)
    model = small_model()
    return Learner(2, model=model, schedule=schedule, seed=(1, 2), is_free=is_free)


def offer(learner, target, n: int = 2000) -> np.ndarray:
    draws = target.sample(n, seed=3)
    learner.replay.add(draws, log_prob=target.host_fn(draws))
    return draws


def test_two_heaps_are_proposed_as_two_laws():
    learner = make()
    offer(learner, TARGET)
    history, notes = learner.refit(window=0, progress=False)
    assert history.baseline_loss < history.best_loss
    assert learner.rules == "affine"
    assert learner.clusters.num_laws == 2
    assert "does not beat 2 affine maps of clusters" in " ".join(notes)
    held = TARGET.sample(2000, seed=9)
    exact = TARGET.host_fn(held)
    gap = exact - learner.density.log_prob(held).numpy()
    assert gap.std() < 0.2
    # The coordinates for local steps stay one affine map.
    assert learner.model is learner.affine


def test_with_the_model_left_free_no_network_is_trained_where_clusters_suffice():
    learner = make(is_free=True)
    offer(learner, TARGET)
    history, notes = learner.refit(window=0, progress=False)
    assert history is None
    assert "no network was trained" in notes[0]


def test_a_curved_target_is_shared_with_the_network():
    learner = make()
    draws = offer(learner, skewed_gaussian(), n=3000)
    learner.refit(window=0, progress=False)
    learner.let_rule("network")
    learner.weigh(draws)
    density = learner.density
    assert isinstance(density, MixtureDensity)
    together = density.log_prob(draws).numpy().mean()
    alone = [part.log_prob(draws).numpy().mean() for part in density.parts]
    assert together >= max(alone) - 0.01  # shares are fitted to some of the draws


def test_one_cluster_at_most_is_the_affine_map_alone():
    learner = make(most=1)
    draws = offer(learner, TARGET)
    learner.fit_affine()
    assert learner.clusters.num_laws == 1
    assert learner.proposals["network"].model is learner.network
    assert learner.weigh(draws) == ""
    np.testing.assert_allclose(
        learner.clusters.log_prob(draws), learner.affine.log_prob(draws), rtol=1e-9
    )


def test_clusters_and_shares_are_stored_and_restored():
    learner = make()
    draws = offer(learner, TARGET)
    learner.refit(window=0, progress=False)
    learner.let_rule("network")
    stored = {name: np.copy(array) for name, array in learner.to_arrays().items()}
    again = make()
    again.from_arrays(stored)
    assert again.rules == "network"
    np.testing.assert_array_equal(
        again.proposal.log_prob(draws), learner.proposal.log_prob(draws)
    )


def test_shares_come_back_to_the_last_bit():
    learner, again = make(), make()
    random = np.random.default_rng(0)
    for share in random.uniform(size=50):
        density = learner.proposals["network"].model
        density.set_weights([1.0 - share, share])
        again.from_arrays(learner.to_arrays())
        found = again.proposals["network"].model
        np.testing.assert_array_equal(found.log_share, density.log_share)


def test_a_family_put_aside_comes_back_as_the_same_object():
    """Sweeps are compiled with a network: another object would not be proposed from."""
    learner = make()
    offer(learner, skewed_gaussian())
    first, trainer, before = learner.network, learner._trainer, learner.to_arrays()
    learner.install("realnvp")
    learner._trainer = learner._make_trainer()
    other = learner.network
    after = learner.to_arrays()
    learner.from_arrays(before)
    assert learner.network is first
    assert learner._trainer is trainer
    learner.from_arrays(after)
    assert learner.network is other
    assert learner.proposals["network"].model.parts[0] is other


@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
def test_a_run_started_in_one_mode_finds_both_with_their_weights(backend):
    """Five standard errors of the weight, by the draws' own ESS."""
    start = 4.0 + 0.5 * np.random.default_rng(0).normal(size=(32, 2))
    posterior = flowmc.sample(
        TARGET.target(backend),
        num_draws=120,
        num_chains=32,
        initial=start,
        model="gaussian",
        schedule=Schedule(windows=(6, 12, 12), extra_windows=0, num_jumps=6),
        seed=0,
    )
    assert posterior.diagnostics.acceptance["jump"] > 0.6
    is_upper = posterior.theta[..., 0] > 0.0
    ess = float(np.min(posterior.diagnostics.ess_bulk))
    error = np.sqrt(2.0 / 9.0 / ess)
    assert ess > 400.0
    assert abs(is_upper.mean() - 1.0 / 3.0) < 5.0 * error
    truth = TARGET.log_evidence
    assert abs(posterior.log_evidence - truth) < 5.0 * posterior.log_evidence_error
