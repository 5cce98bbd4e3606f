import copy
import pickle
import random
from collections.abc import Iterable
from multiprocessing.pool import ThreadPool

import emcee
import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError, LogProbError
from flowmc.moves import FlowMove
from flowmc.moves.learning_move import STRETCH
from tests.unit.moves.fakes import NumpyProposal, log_prob, make_sampler, start

pytestmark = pytest.mark.usefixtures("numpy_proposal")


def make(num_adapt=16, **options):
    return FlowMove("gaussian", num_adapt, **options)


def frozen(**options):
    """Return a frozen move and the sampler that used it."""
    move = make(8, **options)
    sampler = make_sampler(move)
    sampler.run_mcmc(start(), 8)
    assert move.frozen_at == 8
    return move, sampler


def steps_of(move):
    return {name: tally.num_steps for name, tally in move._tallies.items()}


def test_it_is_a_move_and_no_list():
    move = make()
    assert isinstance(move, emcee.moves.Move)
    assert not isinstance(move, Iterable)
    assert not hasattr(move, "__len__")
    assert not hasattr(move, "__getitem__")
    assert move.num_steps == 0
    assert move.frozen_at is None
    assert move.model is None
    assert move.history == ()
    assert np.isnan(move.acceptance_fraction)
    assert "no draw counts yet" in move.report()


@pytest.mark.parametrize(
    "moves",
    [
        lambda move: move,
        lambda move: [move],
        lambda move: [(move, 0.5), (emcee.moves.StretchMove(), 0.5)],
    ],
    ids=["alone", "list", "weighted"],
)
def test_works_however_emcee_is_given_moves(moves):
    move = make()
    sampler = make_sampler(moves(move))
    sampler.run_mcmc(start(), 80)
    assert move.frozen_at is not None
    assert np.isfinite(sampler.get_log_prob()).all()


def test_own_steps_alternate_then_freeze():
    move = make(16)  # fits after 2, 4, 8 and 16 steps
    sampler = make_sampler(move)
    sampler.run_mcmc(start(), 2)
    assert steps_of(move) == {STRETCH: 2, "flow, adapting": 0, "flow, frozen": 0}
    sampler.run_mcmc(None, 14)
    assert steps_of(move) == {STRETCH: 9, "flow, adapting": 7, "flow, frozen": 0}
    sampler.run_mcmc(None, 10)
    assert steps_of(move) == {STRETCH: 9, "flow, adapting": 7, "flow, frozen": 10}
    assert move.num_steps == 26
    assert move.frozen_at == 16
    assert len(move.history) == 4
    assert 0.0 < move.acceptance_fraction < 1.0
    assert "discard 16" in move.report()


def test_acceptance_is_what_emcee_counts():
    move, sampler = frozen()
    before = sampler.backend.accepted.copy()
    sampler.run_mcmc(None, 50)
    share = np.mean(sampler.backend.accepted - before) / 50
    assert move.acceptance_fraction == pytest.approx(share)


@pytest.mark.parametrize("thin_by", [1, 3])
def test_frozen_at_counts_the_rows_of_the_chain(thin_by):
    move = make(8)
    sampler = make_sampler([(move, 0.5), (emcee.moves.StretchMove(), 0.5)])
    rows = None
    for _ in sampler.sample(start(), iterations=40, thin_by=thin_by):
        if rows is None and move.num_steps >= 8:
            rows = sampler.iteration  # the row just stored follows the last fit
    assert move.frozen_at == rows
    assert len(sampler.get_chain(discard=move.frozen_at)) == 40 - rows


def test_frozen_at_is_its_own_count_without_a_sampler():
    move, sampler = make(8), make_sampler(emcee.moves.StretchMove())
    state = sampler.run_mcmc(start(), 1)
    compute = lambda points: sampler.compute_log_prob(points)  # noqa: E731
    model = emcee.model.Model(None, compute, map, np.random.RandomState(0))
    for _ in range(9):
        state, _ = move.propose(model, state)
    assert move.frozen_at == 8


def test_weights_stay_after_it_froze():
    move, sampler = frozen()
    before = move._adaptation._learner.to_arrays()
    sampler.run_mcmc(None, 30)
    for name, value in move._adaptation._learner.to_arrays().items():
        np.testing.assert_array_equal(before[name], value, err_msg=name)


def chain(seed, *, move=None, steps=40, **options):
    sampler = make_sampler(move or make(), seed=seed, **options)
    sampler.run_mcmc(start(), steps)
    return sampler.get_chain()


def test_same_generator_state_same_chain():
    np.testing.assert_array_equal(chain(3), chain(3))
    assert not np.array_equal(chain(3), chain(4))


def test_seed_of_the_training_alone():
    """It fixes the weights; the proposals still come from emcee's generator."""
    first, second = make(seed=5), make(seed=5)
    assert not np.array_equal(chain(3, move=first), chain(4, move=second))
    np.testing.assert_array_equal(first._adaptation.seed, second._adaptation.seed)


def test_no_global_generator_is_touched():
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    chain(3)
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()


def scalar_log_prob(theta):
    return float(log_prob(theta))


def test_vectorized_pooled_and_plain_calls_agree():
    expected = chain(3)
    plain = chain(3, function=scalar_log_prob, vectorize=False)
    with ThreadPool(2) as pool:
        pooled = chain(3, function=scalar_log_prob, vectorize=False, pool=pool)
    np.testing.assert_allclose(plain, expected)
    np.testing.assert_allclose(pooled, expected)


class Spoiled(NumpyProposal):
    """Every third draw is not a number; every fifth has no log q."""

    def spoil(self, scored):
        scored.points[::3] = np.nan
        scored.log_q[::5] = np.inf
        return scored


@pytest.fixture
def spoiled(monkeypatch):
    monkeypatch.setattr("flowmc.moves.adaptation.CompiledProposal", Spoiled)


def log_prob_with_blobs(theta):
    assert np.isfinite(theta).all()
    return log_prob(theta), theta.sum(), f"x = {theta[0]!r}"


def test_blobs_belong_to_their_walkers(spoiled):
    sampler = make_sampler(
        make(8),
        function=log_prob_with_blobs,
        vectorize=False,
        blobs_dtype=[("total", float), ("text", object)],
    )
    sampler.run_mcmc(start(), 60)
    draws, blobs = sampler.get_chain(), sampler.get_blobs()
    np.testing.assert_array_equal(blobs["total"], draws.sum(axis=-1))
    assert blobs["text"][-1, 0] == f"x = {draws[-1, 0, 0]!r}"
    np.testing.assert_array_equal(sampler.get_log_prob(), log_prob(draws))


def test_masked_proposals_are_counted_and_never_seen(spoiled):
    seen = []

    def function(theta):
        seen.append(len(theta))
        assert np.isfinite(theta).all()
        return log_prob(theta)

    move = make(8)
    sampler = make_sampler(move, function=function)
    sampler.run_mcmc(start(), 38)
    # Rows 0, 3, 6 have no coordinates and rows 0, 5 no log q: 4 of 8 are masked.
    jumps = steps_of(move)["flow, adapting"] + steps_of(move)["flow, frozen"]
    assert move.num_masked == 4 * jumps
    assert seen[-30:] == [4] * 30
    assert f"bounds): {move.num_masked}" in move.report()
    assert np.isfinite(sampler.get_chain()).all()


def test_function_is_spared_when_every_proposal_is_masked(monkeypatch):
    move, sampler = frozen()

    def spoil(_, scored):
        return scored._replace(points=np.full_like(scored.points, np.nan))

    monkeypatch.setattr(NumpyProposal, "spoil", spoil)
    monkeypatch.setattr(sampler, "log_prob_fn", pytest.fail)
    before = sampler.get_last_sample().coords.copy()
    np.testing.assert_array_equal(sampler.run_mcmc(None, 3).coords, before)
    assert move.num_masked == 3 * 8


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_walker_that_cannot_be_scored_stays(monkeypatch, value):
    move, sampler = frozen()

    def spoil(_, scored):
        scored.log_q_current[0] = value
        return scored

    monkeypatch.setattr(NumpyProposal, "spoil", spoil)
    before = sampler.get_last_sample().coords.copy()
    after = sampler.run_mcmc(None, 20).coords
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.any(after[1:] == before[1:])
    assert "stayed: 20" in move.report()


def test_walkers_at_zero_density_are_brought_in():
    move, _ = frozen()
    sampler = make_sampler(
        move, function=lambda x: np.where(x[:, 0] > 3.0, -np.inf, log_prob(x))
    )
    away = start() + [10.0, 0.0]
    sampler.run_mcmc(away, 1)
    assert (sampler.get_log_prob()[-1] > -np.inf).all()
    # Where the proposals have no density either, they stay.
    nowhere = make_sampler(move, function=lambda x: np.full(len(x), -np.inf))
    np.testing.assert_array_equal(nowhere.run_mcmc(away, 5).coords, away)


def test_bad_values_of_the_function():
    move, _ = frozen()
    moved = [False]

    def spoilt_by(value):
        def function(theta):
            values = log_prob(theta)
            if moved[0]:
                values[2] = value
            moved[0] = True
            return values

        moved[0] = False
        return make_sampler(move, function=function)

    count = move.num_steps
    with pytest.raises(ValueError, match="NaN"):
        spoilt_by(np.nan).run_mcmc(start(), 5)
    with pytest.raises(LogProbError, match=r"\+inf"):
        spoilt_by(np.inf).run_mcmc(start(), 5)
    assert move.num_steps == count


@pytest.mark.parametrize("low", [-1.0, -np.inf])
def test_function_never_sees_a_point_out_of_bounds(low):
    bounds = np.array([(low, 2.0), (-3.0, 0.5)])

    def function(theta):
        assert np.all((theta > bounds[:, 0]) & (theta < bounds[:, 1]))
        return log_prob(theta)

    move = make(24, bounds=bounds)
    sampler = make_sampler(move, function=function)
    sampler.run_mcmc(np.clip(start(), -0.9, 0.4), 120)
    assert move.num_masked > 0  # the stand-in knows no bounds
    assert move.acceptance_fraction > 0.2


def test_start_out_of_bounds_is_refused():
    sampler = make_sampler(make(bounds=[(0.0, 1.0)] * 2))
    with pytest.raises(ConfigurationError, match="walker"):
        sampler.run_mcmc(start(), 1)


def test_whole_numbers_as_start():
    sampler = make_sampler(make(8))
    whole = np.random.default_rng(0).integers(-9, 9, size=(8, 2))
    sampler.run_mcmc(whole, 30)
    assert not np.any(sampler.get_chain()[-1] % 1.0 == 0.0)


def test_one_parameter():
    move = make(8, bounds=[(-2.0, np.inf)])
    sampler = make_sampler(move, size=1)
    sampler.run_mcmc(np.clip(start(size=1), -1.9, None), 60)
    assert (sampler.get_chain() > -2.0).all()
    assert move.acceptance_fraction > 0.2


def test_number_of_parameters_is_fixed():
    move, _ = frozen()
    with pytest.raises(ConfigurationError, match="here 2; this ensemble has 3"):
        make_sampler(move, size=3).run_mcmc(start(size=3), 1)


def test_number_of_walkers_is_not():
    move, _ = frozen()
    sampler = make_sampler(move, walkers=20)
    sampler.run_mcmc(start(20), 5)
    assert move.num_steps == 13


def test_emcees_rule_on_walkers_is_kept_while_adapting():
    with pytest.raises(RuntimeError, match="fewer walkers"):
        make_sampler(make(), walkers=3).run_mcmc(start(3), 1)


@pytest.mark.parametrize("steps", [0, 1, 5, 20])
def test_copies_go_on_alike(steps):
    move = make(16)
    sampler = make_sampler(move)
    state = emcee.State(start())
    if steps:
        state = sampler.run_mcmc(start(), steps)
    copies = copy.deepcopy(move), pickle.loads(pickle.dumps(move))
    chains = []
    for one in (move, *copies):
        again = make_sampler(one)
        again.random_state = sampler.random_state
        chains.append(again.run_mcmc(emcee.State(state, copy=True), 30).coords)
        assert one.num_steps == steps + 30
    np.testing.assert_array_equal(chains[0], chains[1])
    np.testing.assert_array_equal(chains[0], chains[2])


def test_backend_file_and_restart(tmp_path):
    backend = emcee.backends.HDFBackend(tmp_path / "chain.h5")
    backend.reset(8, 2)
    move = make(8)
    sampler = make_sampler(move, backend=backend)
    sampler.run_mcmc(start(), 20)
    again = emcee.EnsembleSampler(
        8, 2, log_prob, moves=move, vectorize=True, backend=backend
    )
    again.run_mcmc(None, 20)
    assert (backend.iteration, move.frozen_at) == (40, 8)
    np.testing.assert_array_equal(backend.get_chain()[19:], again.get_chain()[19:])
    np.testing.assert_array_equal(again.get_log_prob(), log_prob(again.get_chain()))
