"""A run's state on disk: nothing lost, nothing changed."""

import numpy as np

from flowmc.core.records import History, WindowRecord
from flowmc.results.checkpoint import load_checkpoint, save_checkpoint
from flowmc.sampling.state import (
    DrawChunk,
    RunState,
    state_from_checkpoint,
    state_to_checkpoint,
)
from tests.unit.sampling.comparison import assert_same_state


def make_chunk(n, seed):
    random = np.random.default_rng(seed)
    return DrawChunk(
        position=random.normal(size=(n, 4, 2)),
        log_prob=random.normal(size=(n, 4)),
        is_accepted=random.random((n, 4)) < 0.5,
        kernel=random.integers(0, 2, n),
        window=np.full(n, seed),
        proposal=random.normal(size=(3 * n, 2)),
        proposal_log_weight=np.where(random.random(3 * n) < 0.2, -np.inf, 0.1),
    )


def make_state():
    training = History(
        steps=np.array([0, 100]),
        train_loss=np.array([2.0, 1.0]),
        validation_loss=np.array([2.5, np.nan]),
        best_step=0,
        best_loss=2.5,
        stop_reason="all steps were taken",
        baseline_loss=3.0,
        events=("non-finite loss after step 100",),
        seconds=1.5,
    )
    history = (
        WindowRecord("anneal", "gaussian", 5, acceptance={"random_walk": 0.25}),
        WindowRecord("warmup 1", "maf", 9, notes=("a", "b"), training=training),
    )
    return RunState(
        phase="produce",
        unit=3,
        window=2,
        position=np.random.default_rng(9).normal(size=(4, 2)),
        log_prob=np.array([-1.0, -np.inf, 0.1, 1e-300]),
        scalars={"step_size": 0.1 + 0.2, "num_adapted": 4},
        learned={"network/_layers/0/w": np.float32([[1.1, 2.2]]), "n": np.array(7)},
        warmup=(make_chunk(3, 1), make_chunk(2, 2), make_chunk(4, 2)),
        draws=(make_chunk(2, 3), make_chunk(5, 4)),
        history=history,
        num_log_prob=12345,
        num_gradient=678,
        pilot={"num_local": 2, "reasons": {"num_local": "2: so"}, "pareto_k": 0.25},
        scout={"x": np.arange(6.0).reshape(3, 2), "learner/rules": np.array(1)},
        modes={"adopted": True, "unseen_by_main": 0.5, "alarm": "A mode."},
        bad_values=({"a": 1.5, "b": -np.inf}, {"a": 0.0, "b": 2.0}),
        problems={"divergences": 3},
        num_bad_values=6,
        seconds={"compile": 1.0},
    )


def through_disk(state, folder):
    arrays, meta = state_to_checkpoint(state)
    save_checkpoint(folder / "state.h5", arrays, {**meta, "identity": {"a": 1}})
    return state_from_checkpoint(*load_checkpoint(folder / "state.h5"))


def test_round_trip(tmp_path):
    state = make_state()
    loaded = through_disk(state, tmp_path)
    assert_same_state(loaded, state)
    assert loaded.num_bad_values == 6
    assert loaded.seconds == {"compile": 1.0}
    assert loaded.learned["network/_layers/0/w"].dtype == np.float32
    training = loaded.history[1].training
    assert isinstance(training, History)
    assert training.events == ("non-finite loss after step 100",)
    assert np.isnan(training.validation_loss[1])
    assert loaded.history[0].training is None
    assert len(loaded.draws) == 1
    # A window's figures come from its own draws: those of others stay apart.
    assert [chunk.window[0] for chunk in loaded.warmup] == [1, 2]
    assert loaded.num_draws == state.num_draws == 7


def test_the_state_before_anything_happened(tmp_path):
    assert through_disk(RunState(), tmp_path) == RunState()


def test_time_is_added_to_the_ledger():
    state = RunState().spend("train", 1.0).spend("train", 2.0).spend("sample", 0.5)
    assert state.seconds == {"train": 3.0, "sample": 0.5}
    assert RunState().seconds == {}
