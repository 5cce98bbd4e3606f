"""States of moves on disk: when they are written, what they bring back."""

import emcee
import numpy as np
import pytest

from flowmc.core.errors import CheckpointMismatchError, ConfigurationError
from flowmc.moves import FlowMove, GlobalLocalMove
from tests.unit.moves.fakes import log_prob, make_sampler, start

pytestmark = pytest.mark.usefixtures("numpy_proposal")


def make(path, num_adapt=16, **options):
    return FlowMove("gaussian", num_adapt, state_path=path, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.h5"


def test_it_is_written_after_each_fit(path):
    move = make(path)  # fits after 2, 4, 8 and 16 steps
    sampler = make_sampler(move)
    for steps, fits in ((1, None), (1, 1), (1, 1), (1, 2), (13, 4)):
        sampler.run_mcmc(start() if fits is None else None, steps)
        assert path.exists() == (fits is not None)
        if fits:
            assert len(make(path).history) == fits


def test_all_that_is_told_comes_back(path):
    move = make(path)
    make_sampler(move).run_mcmc(start(), 20)
    move.save_state()
    again = make(path)
    assert again.report() == move.report()
    assert again.frozen_at == 16
    assert again.num_steps == 20
    assert again.acceptance_fraction == move.acceptance_fraction
    np.testing.assert_array_equal(
        again.model.whiten(np.ones((1, 2))), move.model.whiten(np.ones((1, 2)))
    )
    assert [r.notes for r in again.history] == [r.notes for r in move.history]


def test_tallies_are_written_now_and_then(path):
    make_sampler(make(path)).run_mcmc(start(), 70)
    assert make(path).num_steps == 64


def test_an_interrupted_run_goes_on_bit_for_bit(path, tmp_path):
    """Also in the middle of learning: what was seen since the last fit is saved."""
    expected = make_sampler(make(tmp_path / "other.h5"), seed=3)
    expected.run_mcmc(start(), 40)
    calls = [0]

    def interrupted(theta):
        calls[0] += 1
        if calls[0] == 15:
            raise KeyboardInterrupt
        return log_prob(theta)

    backend = emcee.backends.HDFBackend(tmp_path / "chain.h5")
    sampler = make_sampler(make(path), seed=3, function=interrupted, backend=backend)
    with pytest.raises(KeyboardInterrupt):
        sampler.run_mcmc(start(), 40)
    move = make(path)
    assert 0 < move.num_steps == backend.iteration < 16
    again = emcee.EnsembleSampler(
        8, 2, log_prob, moves=move, vectorize=True, backend=backend
    )
    again.run_mcmc(None, 40 - backend.iteration)
    np.testing.assert_array_equal(backend.get_chain(), expected.get_chain())
    assert move.frozen_at == 16


@pytest.mark.parametrize(
    "change",
    [{"num_adapt": 32}, {"bounds": [(-9.0, 9.0)] * 2}, {"defensive_weight": 0.2}],
)
def test_other_settings_are_refused(path, change):
    make_sampler(make(path)).run_mcmc(start(), 16)
    with pytest.raises(CheckpointMismatchError, match=next(iter(change))):
        make(path, **change)


def test_other_moves_and_dimensions_are_refused(path):
    make_sampler(make(path)).run_mcmc(start(), 16)
    with pytest.raises(CheckpointMismatchError, match="FlowMove"):
        GlobalLocalMove("gaussian", 16, state_path=path)
    with pytest.raises(ConfigurationError, match="here 2; this ensemble has 3"):
        make_sampler(make(path), size=3).run_mcmc(start(size=3), 1)


def test_a_restored_move_refuses_walkers_outside_its_bounds(path):
    box = [(-20.0, 20.0)] * 2
    make_sampler(make(path, bounds=box)).run_mcmc(start(), 20)
    with pytest.raises(ConfigurationError, match="strictly inside `bounds`"):
        make_sampler(make(path, bounds=box)).run_mcmc(start() + 30.0, 1)


def test_a_new_chain_with_an_old_state_counts_from_its_start(path):
    make_sampler(make(path)).run_mcmc(start(), 20)
    move = make(path)
    assert move.frozen_at == 16
    make_sampler(move).run_mcmc(start(), 10)
    assert move.frozen_at == 0
