"""Walks in a flow's z leave the target alone, inside emcee's loop; mistakes do not."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from flowmc.moves import GlobalLocalMove, PreconditionedMove
from flowmc.moves.compiled_walk import CompiledMap, CompiledWalk
from flowmc.moves.walk_adaptation import WALKS
from flowmc.sampling.settings import TrainSettings
from tests.statistical.test_flow_move import (
    BETA,
    BOUNDS,
    BROKEN,
    NUM_WALKERS,
    SOUND,
    bounded_draws,
    bounded_log_prob,
    exact_moments,
    moments,
    sample,
    z_scores,
)
from tests.statistical.walks import ensembles, worst_z, z_of_ensembles

TRAIN = TrainSettings(max_steps=400, batch_size=128, capacity=1024)
NUM_ADAPT = 128
OPTIONS = {
    "train": TRAIN,
    "train_every": NUM_ADAPT // 4,
    "num_layers": 2,
    "hidden_units": [16],
}


@pytest.fixture(scope="module")
def trained():
    """A ready schedule with a small flow, from a narrow ball; its walks are shared."""
    move = GlobalLocalMove("maf", NUM_ADAPT, **OPTIONS)
    start = 1e-2 * np.random.default_rng(1).normal(size=(32, 2))
    sampler = sample(move, start, steps=NUM_ADAPT + 800, seed=1)
    return move, sampler


def walker(trained, kernel):
    """Return a move that walks by `kernel` in the z of the flow that was trained."""
    move = PreconditionedMove("maf", NUM_ADAPT, kernel=kernel, **OPTIONS)
    source = trained[0]._adaptation
    adaptation = move._make_adaptation(2, source.seed)
    meta = source.to_meta()
    if kernel != "t_pcn":
        # A step of the same length is another one for another kernel; any will do.
        meta = {**meta, "step_size": 1.0, "walks_in_network": True}
    adaptation.restore(source.to_arrays(), meta)
    move._adaptation = adaptation
    return move


def test_the_schedule_takes_its_shares_and_freezes(trained):
    move, _ = trained
    assert move.frozen_at == NUM_ADAPT
    assert move._adaptation._walks_in_network
    count = {name: tally.num_steps for name, tally in move._tallies.items()}
    frozen = np.array([count["flow, frozen"], count["walk in z, frozen"]]) / 800
    assert abs(frozen - [0.5, 0.3]).max() < 0.06
    assert 0.1 < move.walk_acceptance_fraction < 0.9
    assert move.acceptance_fraction > 0.4
    assert 0.0 < move.step_size <= 1.0


def test_long_run_of_the_schedule_has_the_moments(trained):
    """Shared partners of the stretch couple walkers: batches of steps, not walkers."""
    move, sampler = trained
    draws = moments(sampler.get_chain(discard=move.frozen_at)).mean(axis=1)
    batches = draws[: len(draws) // 20 * 20].reshape(20, -1, 5).mean(axis=1)
    z = z_scores(batches, exact_moments())
    assert np.abs(z).max() < SOUND, z


@pytest.mark.parametrize("kernel", ["t_pcn", "random_walk"])
def test_walks_leave_the_target_invariant(trained, kernel):
    assert worst_z(walker(trained, kernel)) < SOUND


def test_stretch_in_z_leaves_the_target_invariant(trained):
    move = walker(trained, "stretch")
    z = z_of_ensembles(move, ensembles(400, 8))
    assert z < SOUND, z


def test_the_schedule_leaves_the_target_invariant(trained):
    z = z_of_ensembles(copy.deepcopy(trained[0]), ensembles(400, 8))
    assert z < SOUND, z


class NoLogDet(CompiledWalk):
    """Forgets how the flow stretches space."""

    def _draw_and_score(self, current, seed):
        points, log_q, log_q_current = super()._draw_and_score(current, seed)
        _, stretch = self._map.trace_to_z(points)
        return points, log_q - stretch, 0.0 * log_q_current


class FlippedLogDet(CompiledWalk):
    """Takes the log-determinants with the wrong sign."""

    def _draw_and_score(self, current, seed):
        points, log_q, log_q_current = super()._draw_and_score(current, seed)
        _, stretch = self._map.trace_to_z(points)
        return points, log_q - 2.0 * stretch, -log_q_current


class NoRatioOfT(CompiledWalk):
    """Takes a walk that leaves a t as it is for a symmetric one."""

    def _draw_and_score(self, current, seed):
        points, _, log_q_current = super()._draw_and_score(current, seed)
        return points, self._map.trace_to_z(points)[1], log_q_current


FULL = pytest.mark.full


@pytest.mark.parametrize(
    "mistake", [pytest.param(NoLogDet, marks=FULL), FlippedLogDet, NoRatioOfT]
)
def test_mistakes_of_walks_are_seen(trained, monkeypatch, mistake):
    monkeypatch.setattr("flowmc.moves.walk_adaptation.CompiledWalk", mistake)
    z = worst_z(walker(trained, "t_pcn"))
    assert z > BROKEN, z


class MapWithFlippedLogDet(CompiledMap):
    def to_z(self, theta):
        z, log_q = super().to_z(theta)
        return z, -log_q

    def to_theta(self, z):
        theta, log_q = super().to_theta(z)
        return theta, -log_q


def test_a_stretch_with_the_wrong_log_det_is_seen(trained, monkeypatch):
    name = "flowmc.moves.walk_adaptation.CompiledMap"
    monkeypatch.setattr(name, MapWithFlippedLogDet)
    z = z_of_ensembles(walker(trained, "stretch"), ensembles(80, 800))
    assert z > BROKEN, z


@pytest.mark.full
@pytest.mark.parametrize("kernel", WALKS)
def test_bounds_and_their_log_det(kernel):
    move = PreconditionedMove("gaussian", 8, bounds=BOUNDS, kernel=kernel)
    sample(move, bounded_draws(64, 0), steps=8, function=bounded_log_prob)
    exact = np.array([2.0, BETA.mean(), 6.0, BETA.moment(2), 2.0 * BETA.mean()])
    if kernel == "stretch":
        starts = bounded_draws(300 * 8, 5).reshape(-1, 8, 2)
        ends = [
            sample(move, start, seed=number, function=bounded_log_prob).get_chain()[-1]
            for number, start in enumerate(starts)
        ]
        means = moments(np.stack(ends)).mean(axis=1)
    else:
        start = bounded_draws(NUM_WALKERS, 4)
        means = moments(sample(move, start, function=bounded_log_prob).get_chain()[-1])
    z = z_scores(means, exact)
    assert np.abs(z).max() < SOUND, z


def test_a_frozen_walk_changes_nothing(trained):
    move = walker(trained, "t_pcn")
    adaptation = move._adaptation
    before = {**adaptation.to_arrays(), "step": adaptation.step_size}
    sample(move, ensembles(1, 32)[0], steps=50)
    after = {**adaptation.to_arrays(), "step": adaptation.step_size}
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)


def test_settings_are_those_of_the_walk(trained):
    adaptation = trained[0]._adaptation
    assert adaptation.settings.fit_steps == (32, 96)
    assert replace(adaptation.settings, kernel="stretch").kernel == "stretch"
