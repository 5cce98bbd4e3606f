"""Every move with what emcee offers: moves, pools, blobs, backends, names, tune."""

import copy
import pickle
import random
import warnings
from multiprocessing.pool import ThreadPool

import arviz
import emcee
import numpy as np
import pytest

from tests.unit.moves.fakes import MAKERS, log_prob, make_sampler, start

pytestmark = pytest.mark.usefixtures("numpy_proposal")

NUM_ADAPT = 12
BLOBS = [("total", float), ("text", "S32")]


# The rest share their code with these, or have pages of tests of their own.
SHORT = ("exact", "t_pcn", "schedule")


@pytest.fixture(
    params=[
        pytest.param(kind, marks=[] if kind in SHORT else pytest.mark.full)
        for kind in MAKERS
    ]
)
def kind(request):
    return request.param


@pytest.fixture
def make(kind):
    return lambda num_adapt=NUM_ADAPT, **options: MAKERS[kind](num_adapt, **options)


def scalar_log_prob(theta):
    return float(log_prob(theta))


def named_log_prob(named):
    return scalar_log_prob(np.array([named["x"], named["y"]]))


def blob_log_prob(theta):
    assert np.isfinite(theta).all()
    return scalar_log_prob(theta), theta.sum(), f"x = {theta[0]:.9f}".encode()


def chain(move, *, seed=3, steps=40, **options):
    sampler = make_sampler(move, seed=seed, **options)
    sampler.run_mcmc(start(), steps)
    return sampler.get_chain()


def test_beside_the_moves_of_emcee(make):
    move = make()
    others = [emcee.moves.StretchMove(), emcee.moves.DEMove()]
    others += [emcee.moves.DESnookerMove(), emcee.moves.KDEMove()]
    others += [emcee.moves.WalkMove(), emcee.moves.GaussianMove(0.5)]
    sampler = make_sampler([(move, 0.5), *((other, 0.1) for other in others)])
    sampler.run_mcmc(start(), 120)
    assert 20 < move.num_steps < 100
    assert move.frozen_at is not None
    np.testing.assert_array_equal(sampler.get_log_prob(), log_prob(sampler.get_chain()))


def test_the_repr_is_a_short_line(make):
    move = make()
    name = type(move).__name__
    assert repr(move).startswith(f"{name}({move._settings.model}, ")
    if move.ntune:
        assert repr(move).endswith(f"adapting: 0 of {NUM_ADAPT} own steps)")
    chain(move)
    assert f"frozen_at={move.frozen_at}, 40 own steps" in repr(move)
    assert f", acceptance {move.acceptance_fraction:.2f}" in repr(move)
    assert ("of walks" in repr(move)) == hasattr(move, "walk_acceptance_fraction")


def test_two_of_a_kind(make):
    moves = [make(), make()]
    sampler = make_sampler([(move, 0.5) for move in moves])
    sampler.run_mcmc(start(), 60)
    assert sum(move.num_steps for move in moves) == 60
    assert all(move.frozen_at is not None for move in moves)


def test_same_chain_however_the_function_is_called(make):
    expected = chain(make())
    plain = {"function": scalar_log_prob, "vectorize": False}
    names = {"function": named_log_prob, "vectorize": False}
    np.testing.assert_allclose(chain(make(), **plain), expected)
    with ThreadPool(2) as pool:
        np.testing.assert_allclose(chain(make(), pool=pool, **plain), expected)
    named = chain(make(), parameter_names=["x", "y"], **names)
    np.testing.assert_allclose(named, expected)


def test_only_emcees_generator_is_used(make):
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    first = chain(make())
    np.testing.assert_array_equal(first, chain(make()))
    assert not np.array_equal(first, chain(make(), seed=4))
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()


def test_blobs_backend_thinning_progress(make, tmp_path):
    backend = emcee.backends.HDFBackend(tmp_path / "chain.h5")
    move = make()
    sampler = make_sampler(
        move,
        function=blob_log_prob,
        vectorize=False,
        blobs_dtype=BLOBS,
        backend=backend,
    )
    sampler.run_mcmc(start(), 20, thin_by=2, progress=True)
    assert move.num_steps == 40
    draws, blobs = backend.get_chain(), backend.get_blobs()
    np.testing.assert_array_equal(blobs["total"], draws.sum(axis=-1))
    assert blobs["text"][-1, 0] == f"x = {draws[-1, 0, 0]:.9f}".encode()
    exact = move.ntune == 0
    assert move.frozen_at == (0 if exact else -(-NUM_ADAPT // 2))


def test_restart_with_the_same_move_is_no_restart(make, tmp_path):
    expected = chain(make())
    move, backend = make(), emcee.backends.HDFBackend(tmp_path / "chain.h5")
    make_sampler(move, seed=3, backend=backend).run_mcmc(start(), 25)
    again = emcee.EnsembleSampler(
        8, 2, log_prob, moves=move, vectorize=True, backend=backend
    )
    again.run_mcmc(None, 15)
    np.testing.assert_array_equal(backend.get_chain(), expected)


@pytest.mark.parametrize(("name", "steps"), [("state.h5", 25), ("chain.h5", 13)])
def test_restart_from_files_alone(make, tmp_path, name, steps):
    """A new process has the chain and the state; once frozen it goes on bit for bit."""
    expected = chain(make(state_path=tmp_path / "other.h5"))
    for count in (steps, 40 - steps):
        backend = emcee.backends.HDFBackend(tmp_path / "chain.h5")
        is_new = not backend.initialized
        move = make(state_path=tmp_path / name)
        if is_new:
            sampler = make_sampler(move, seed=3, backend=backend)
        else:
            sampler = emcee.EnsembleSampler(
                8, 2, log_prob, moves=move, vectorize=True, backend=backend
            )
        sampler.run_mcmc(start() if is_new else None, count)
    np.testing.assert_array_equal(backend.get_chain(), expected)
    assert move.frozen_at == (NUM_ADAPT if move.ntune else 0)


def test_other_readers_open_the_shared_file(make, tmp_path):
    path = tmp_path / "chain.h5"
    backend = emcee.backends.HDFBackend(path)
    sampler = make_sampler(make(state_path=path), seed=3, backend=backend)
    sampler.run_mcmc(start(), 30)
    read = emcee.backends.HDFBackend(path, read_only=True)
    np.testing.assert_array_equal(read.get_chain(), sampler.get_chain())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = arviz.from_emcee(read, var_names=["x", "y"])
    shown = np.asarray(tree["posterior"]["x"])
    assert sorted(shown.ravel()) == sorted(read.get_chain()[..., 0].ravel())


@pytest.mark.parametrize("steps", [0, 7, 20])
def test_copies_go_on_alike(make, steps):
    move = make()
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
        assert one.frozen_at is not None
    np.testing.assert_array_equal(chains[0], chains[1])
    np.testing.assert_array_equal(chains[0], chains[2])


def test_tuned_for_as_long_as_it_asks_for(make):
    move = make()
    sampler = make_sampler(move)
    state = sampler.run_mcmc(start(), max(1, move.ntune), tune=True)
    assert move.frozen_at == move.ntune
    before = move._adaptation.to_arrays()
    sampler.reset()
    sampler.run_mcmc(state, 20)
    for name, value in move._adaptation.to_arrays().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_a_run_without_tune_after_one_with_it_learns_nothing(make):
    move = make(40, train_every=5)
    if not move.ntune:
        pytest.skip("it never learns")
    sampler = make_sampler(move)
    sampler.run_mcmc(start(), 12, tune=True)
    learned, num_fits = move._adaptation.to_arrays(), len(move.history)
    tuned = move._adaptation.to_meta()
    assert num_fits
    sampler.run_mcmc(None, 60)
    assert move._adaptation.to_meta() == tuned
    assert move._position.num_learned == 12
    assert move.frozen_at == 12
    assert len(move.history) == num_fits
    for name, value in move._adaptation.to_arrays().items():
        np.testing.assert_array_equal(value, learned[name], err_msg=name)
    # Tuned again, it goes on learning where it left off; then it is frozen for good.
    sampler.run_mcmc(None, 50, tune=True)
    assert len(move.history) == len(move._settings.fit_steps)
    assert 72 < move.frozen_at <= 122


def test_masked_proposals_never_end_a_run(make, kind, monkeypatch):
    def spoil_scored(_, scored):
        scored.points[::3] = np.nan
        scored.log_q[::5] = np.inf
        return scored

    def spoil_map(_, theta, log_q):
        theta[::3] = np.inf
        return theta, log_q

    path = "tests.unit.moves.fakes"
    monkeypatch.setattr(f"{path}.NumpyProposal.spoil", spoil_scored)
    monkeypatch.setattr(f"{path}.NumpyMap.spoil", spoil_map)
    move = make(8)
    sampler = make_sampler(move, function=blob_log_prob, vectorize=False)
    sampler.run_mcmc(start(), 60)
    assert np.isfinite(sampler.get_chain()).all()
    if kind != "exact":  # it has nothing to spoil
        assert move.num_masked > 60
    assert f"bounds): {move.num_masked}" in move.report()


def test_function_never_sees_a_point_out_of_bounds(make):
    bounds = np.array([(-1.0, 2.0), (-3.0, 0.5)])

    def function(theta):
        assert np.all((theta > bounds[:, 0]) & (theta < bounds[:, 1]))
        return log_prob(theta)

    move = make(16, bounds=bounds)
    sampler = make_sampler(move, function=function)
    sampler.run_mcmc(np.clip(start(), -0.9, 0.4), 80)
    assert sampler.acceptance_fraction.mean() > 0.1


def test_one_parameter(make, kind):
    if kind == "vae":
        make = lambda n: MAKERS["vae"](n)  # noqa: E731
    move = make(8)
    sampler = make_sampler(move, size=1)
    sampler.run_mcmc(start(size=1), 60)
    assert sampler.acceptance_fraction.mean() > 0.2
