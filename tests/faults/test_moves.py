"""Bad input for the emcee moves: what is refused, what is counted, what is survived."""

import copy

import emcee
import numpy as np
import pytest

from flowmc.core.errors import (
    ConfigurationError,
    InitialPositionError,
    LogProbError,
)
from flowmc.moves import FlowMove, GlobalLocalMove, PreconditionedMove
from flowmc.moves.decision import decide
from flowmc.sampling.settings import TrainSettings
from tests.unit.moves.fakes import (
    MAKERS,
    NumpyMap,
    NumpyProposal,
    NumpyWalk,
    log_prob,
    make_sampler,
    start,
)

KINDS = ("flow", "exact", "t_pcn", "stretch", "schedule")


@pytest.fixture
def in_numpy(monkeypatch):
    """Leave out what is compiled, where the fault lies around it."""
    for path, stand_in in {
        "adaptation.CompiledProposal": NumpyProposal,
        "walk_adaptation.CompiledWalk": NumpyWalk,
        "walk_adaptation.CompiledMap": NumpyMap,
    }.items():
        monkeypatch.setattr(f"flowmc.moves.{path}", stand_in)


@pytest.fixture(params=KINDS)
def make(request, in_numpy):
    return MAKERS[request.param]


# --- values of the log-density ------------------------------------------------------


def after(count, value):
    """A function that gives `value` for one point from its call number `count` on."""
    calls = [0]

    def function(theta):
        calls[0] += 1
        values = log_prob(theta)
        if calls[0] > count:
            values[-1] = value
        return values

    return function


def test_nan_is_emcees_error_and_leaves_the_move_whole(make):
    move = make(40)
    sampler = make_sampler(move, function=after(10, np.nan))
    with pytest.raises(ValueError, match="NaN"):
        sampler.run_mcmc(start(), 40)
    taken = sampler.backend.iteration
    assert move.num_steps == taken
    again = make_sampler(move)
    again.run_mcmc(sampler.get_chain()[-1], 45)
    assert move.num_steps == taken + 45
    assert move.frozen_at is not None


def test_nan_at_the_start_is_refused_before_the_first_step(make):
    move = make(8)
    with pytest.raises(ValueError, match="NaN"):
        make_sampler(move, function=after(0, np.nan)).run_mcmc(start(), 5)
    assert move.num_steps == 0


@pytest.mark.parametrize("value", [np.inf, np.finfo(float).max])
def test_infinite_density_is_refused_with_its_place(make, value):
    """Accepted once, it would hold its walker, and then all of them, for ever."""
    sampler = make_sampler(make(8), function=after(6, value))
    with pytest.raises(LogProbError, match=r"\+inf") as caught:
        sampler.run_mcmc(start(), 40)
    assert caught.value.theta.shape == (2,)
    with pytest.raises(InitialPositionError, match=r"\+inf at walker 7"):
        make_sampler(make(8), function=after(0, np.inf)).run_mcmc(start(), 5)


@pytest.mark.parametrize("value", [-np.inf, -np.finfo(float).max])
def test_zero_density_is_never_accepted(make, value):
    sampler = make_sampler(
        make(8), function=lambda x: np.where(x[:, 0] > 0.5, value, log_prob(x))
    )
    begin = np.minimum(start(), 0.4) - np.array([[0.1 * i, 0.0] for i in range(8)])
    sampler.run_mcmc(begin, 60)
    assert (sampler.get_chain()[..., 0] <= 0.5).all()


def test_no_walker_in_the_support(make):
    sampler = make_sampler(make(8), function=lambda x: np.full(len(x), -np.inf))
    with pytest.raises(InitialPositionError, match="all 8"):
        sampler.run_mcmc(start(), 5)


def test_some_walkers_out_of_the_support_are_brought_in(make):
    """Jumps take them at once; a walk needs steps that lead there."""

    def function(theta):
        return np.where(np.abs(theta[:, 0]) > 3.0, -np.inf, log_prob(theta))

    begin = start()
    begin[:3, 0] += 5.0
    sampler = make_sampler(
        [(make(8), 0.5), (emcee.moves.StretchMove(), 0.5)], function=function
    )
    sampler.run_mcmc(begin, 300)
    assert np.isfinite(sampler.get_log_prob()[-1]).all()


@pytest.mark.parametrize(
    "wrong", [lambda v: v[:-1], lambda v: v[:1], lambda v: v.sum()]
)
def test_values_of_a_wrong_shape_are_one_typed_error(make, wrong):
    sampler = make_sampler(make(8))
    state = sampler.run_mcmc(start(), 20)
    sampler.compute_log_prob = lambda points: (wrong(log_prob(points)), None)
    with pytest.raises(LogProbError, match="one value a point"):
        sampler.run_mcmc(state, 20)


def test_a_function_that_writes_to_its_argument_changes_nothing(make):
    def spoiling(theta):
        values = log_prob(theta)
        theta[:] = np.nan
        return values

    chains = []
    for function in (log_prob, spoiling):
        sampler = make_sampler(make(8), function=function, seed=2)
        state = emcee.State(start(), log_prob=log_prob(start()))
        sampler.run_mcmc(state, 30)
        chains.append(sampler.get_chain())
    np.testing.assert_array_equal(*chains)


def test_constant_density(make):
    """A plateau: everything is accepted but what the factor refuses; nothing breaks."""
    sampler = make_sampler(
        make(8, bounds=[(-4.0, 4.0)] * 2), function=lambda x: np.zeros(len(x))
    )
    sampler.run_mcmc(start(), 60)
    assert sampler.acceptance_fraction.mean() > 0.2


def test_exception_in_the_function_goes_through_and_can_be_gone_on_from(make):
    class OddError(Exception):
        pass

    calls = [0]

    def function(theta):
        calls[0] += 1
        if calls[0] == 12:
            raise OddError
        return log_prob(theta)

    move = make(30)
    sampler = make_sampler(move, function=function)
    with pytest.raises(OddError):
        sampler.run_mcmc(start(), 40)
    assert move.num_steps == sampler.backend.iteration
    make_sampler(move).run_mcmc(sampler.get_chain()[-1], 40)
    assert move.frozen_at is not None


# --- the ensemble -------------------------------------------------------------------


def test_fewer_walkers_than_emcee_allows(make):
    """Kept where a stretch step is taken; jumps from the other half span all of x."""
    move = make(8)
    sampler = make_sampler(move, walkers=5, size=3)
    if move.ntune:
        with pytest.raises(RuntimeError, match="fewer walkers"):
            sampler.run_mcmc(start(5, 3), 3)
    else:
        sampler.run_mcmc(start(5, 3), 60)
        assert sampler.acceptance_fraction.mean() > 0.1


def exact():
    return FlowMove("gaussian", learn_from="complement")


def test_half_an_ensemble_that_is_no_half():
    with pytest.raises(ConfigurationError, match="at least 4 walkers"):
        make_sampler(exact(), walkers=3, size=1).run_mcmc(start(3, 1), 2)


def test_three_walkers_at_rest_in_ten_dimensions():
    """Too few for a covariance: shrunk, and heavy-tailed."""
    sampler = make_sampler(exact(), walkers=6, size=10)
    sampler.run_mcmc(start(6, 10), 200, skip_initial_state_check=True)
    draws = sampler.get_chain(discard=50, flat=True)
    assert sampler.acceptance_fraction.mean() > 0.005
    assert np.linalg.matrix_rank(draws - draws.mean(axis=0)) == 10


@pytest.mark.parametrize("degenerate", ["plane", "copies", "one value"])
def test_walkers_in_a_plane(make, degenerate):
    """Stretch steps never leave it; the proposals of every move of ours do."""
    random = np.random.default_rng(0)
    begin = random.normal(size=(8, 2))
    if degenerate == "plane":
        begin[:, 1] = 2.0 * begin[:, 0]
    elif degenerate == "copies":
        begin[:] = begin[0]
    else:
        begin[:, 1] = 0.7
    move = make(8)
    sampler = make_sampler(move)
    sampler.run_mcmc(begin, 60, skip_initial_state_check=True)
    end = sampler.get_chain()[-1]
    assert np.isfinite(end).all()
    # The stand-in of the stretch in z keeps to the plane, as a stretch does.
    is_stretch = isinstance(move, PreconditionedMove) and np.isnan(move.step_size)
    if not is_stretch:
        assert np.linalg.matrix_rank(end - end.mean(axis=0), tol=1e-9) == 2


def test_an_odd_number_of_walkers(make):
    sampler = make_sampler(make(8), walkers=9)
    sampler.run_mcmc(start(9), 60)
    assert (sampler.acceptance_fraction > 0.0).all()


@pytest.mark.parametrize("kind", ["flow", "exact", "t_pcn", "schedule"])
def test_scales_and_offsets_beyond_reason(kind):
    scale, offset = np.array([1e-30, 1e30]), np.array([0.0, 1e32])

    def function(theta):
        return log_prob((theta - offset) / scale)

    move = MAKERS[kind](16)
    sampler = make_sampler(move, function=function)
    begin = offset + scale * start()
    sampler.run_mcmc(begin, 200, skip_initial_state_check=True)
    white = (sampler.get_chain(discard=50, flat=True) - offset) / scale
    assert np.abs(white.mean(axis=0)).max() < 0.5
    np.testing.assert_allclose(white.std(axis=0), 1.0, atol=0.3)


def test_a_frozen_stretch_refuses_walkers_that_never_leave_a_plane(in_numpy):
    """A move that was frozen among many walkers, restored among few."""
    move = MAKERS["stretch"](8)
    make_sampler(move).run_mcmc(start(), 12)
    assert move.frozen_at is not None
    few = start()[:3]
    sampler = emcee.EnsembleSampler(*few.shape, log_prob, moves=move, vectorize=True)
    with pytest.raises(ConfigurationError, match="at least 4 walkers.*got 3"):
        sampler.run_mcmc(few, 5)


# --- the proposal -------------------------------------------------------------------


def test_a_factor_of_the_wrong_shape_is_refused(in_numpy):
    class Short(FlowMove):
        def _log_factor(self, scored):
            return super()._log_factor(scored)[:1]

    sampler = make_sampler(Short("gaussian", 8))
    with pytest.raises(ConfigurationError, match=r"one entry a proposal, \[8\]"):
        sampler.run_mcmc(start(), 20)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_walkers_and_proposals_without_a_density_are_counted(make, monkeypatch, value):
    def spoil(_, scored):
        scored.log_q[1] = value
        scored.log_q_current[0] = value
        return scored

    monkeypatch.setattr(NumpyProposal, "spoil", spoil)
    move = make(8)
    sampler = make_sampler(move)
    sampler.run_mcmc(start(), 40)
    assert np.isfinite(sampler.get_chain()).all()
    tallies = move._tallies.values()
    jumps = [tally for tally in tallies if tally.num_masked]
    for tally in jumps:
        assert tally.num_masked == tally.num_unscored == tally.num_steps
    assert f"bounds): {move.num_masked}" in move.report()


def test_training_that_fails_falls_back_and_says_so(monkeypatch):
    from flowmc.core.errors import TrainingError
    from flowmc.sampling.learner import Learner

    def fail(self, **_):
        raise TrainingError("the loss stayed non-finite")

    monkeypatch.setattr(Learner, "refit", fail)
    for move in (FlowMove("maf", 8), GlobalLocalMove("maf", 8)):
        sampler = make_sampler(move)
        sampler.run_mcmc(start(), 60)
        assert move.frozen_at == 8
        assert move.model.name == "gaussian"
        assert "the fit failed, the affine map is kept: the loss" in move.report()
        assert move.acceptance_fraction > 0.3


def test_more_training_than_walkers_have_seen():
    """Fewer draws than a batch: the network is left alone, with a reason."""
    move = FlowMove("maf", 4, train=TrainSettings(batch_size=512))
    make_sampler(move).run_mcmc(start(), 10)
    assert "fewer than 100 distinct draws" in move.report()


def test_a_heavy_tail_is_told_of(monkeypatch):
    """Jumps alone stick where q is too thin: the report shows the longest wait."""
    move = FlowMove("gaussian", 16)
    make_sampler(move).run_mcmc(start(), 16)

    def thin(_, scored):
        is_far = np.abs(scored.points).max(axis=1) > 2.5
        return scored._replace(log_q=np.where(is_far, scored.log_q + 9.0, scored.log_q))

    stuck = copy.deepcopy(move)
    stuck._score = lambda adaptation, current, *, seed: thin(
        None, FlowMove._score(stuck, adaptation, current, seed=seed)
    )
    far = start()
    far[0] = 3.0
    make_sampler(stuck).run_mcmc(far, 300)
    waits = [tally.longest_wait for tally in stuck._tallies.values()]
    assert f"longest run of rejections {max(waits)}" in stuck.report()


def test_decide_refuses_what_is_no_factor():
    model = emcee.model.Model(None, None, map, np.random.RandomState(0))
    state = emcee.State(start(), log_prob=log_prob(start()))
    scored = NumpyProposal().draw_and_score(start(), seed=np.array([1, 2], np.int32))
    with pytest.raises(ConfigurationError, match="one entry a proposal"):
        decide(
            model,
            state,
            scored,
            is_inside=lambda points: np.ones(len(points), bool),
            factor=np.zeros((8, 1)),
        )
