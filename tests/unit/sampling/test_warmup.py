"""Parts of the warm-up: step sizes, and how blocks are laid out as draws."""

import numpy as np
import pytest

from flowmc.sampling.state import DrawChunk, RunState, join_chunks
from flowmc.sampling.sweep import Sweep, SweepRecord
from flowmc.sampling.warmup import (
    acceptance_by_kernel,
    collect,
    freeze,
)


class Kernel:
    num_steps = 2


SWEEP = Sweep(Kernel(), Kernel(), num_local=1)


def make_record(num_sweeps=4, chains=3):
    numbers = np.arange(num_sweeps * 3 * chains).reshape(num_sweeps, 3, chains)
    jumps = numbers[:, 1:]
    return SweepRecord(
        position=np.stack([numbers, -numbers], axis=-1).astype(float),
        log_prob=numbers.astype(float),
        is_accepted=numbers % 2 == 0,
        local_acceptance=np.full((num_sweeps, 1), 0.5),
        proposal=np.stack([jumps, -jumps], axis=-1).astype(float),
        proposal_log_weight=jumps.astype(float),
    )


def test_sweeps_are_laid_end_to_end():
    chunk = collect(make_record(), SWEEP, window=5)
    np.testing.assert_array_equal(chunk.log_prob.ravel(), np.arange(36))
    np.testing.assert_array_equal(chunk.position[..., 0], chunk.log_prob)
    np.testing.assert_array_equal(chunk.kernel, [0, 1, 1] * 4)
    np.testing.assert_array_equal(chunk.window, [5] * 12)
    np.testing.assert_array_equal(chunk.proposal[:, 0], chunk.proposal_log_weight)
    assert chunk.proposal.shape == (24, 2)


def test_acceptance_of_each_kernel_in_one_window():
    chunks = tuple(collect(make_record(), SWEEP, window=w) for w in (1, 1, 2))
    is_accepted = chunks[0].is_accepted
    rates = acceptance_by_kernel(chunks, 1)
    assert rates["local"] == pytest.approx(is_accepted[0::3].mean())
    assert rates["jump"] == pytest.approx(
        np.delete(is_accepted, slice(0, 12, 3), 0).mean()
    )
    assert acceptance_by_kernel(chunks, 3) == {}
    assert acceptance_by_kernel((), 1) == {}


def test_freezing_starts_production_from_zero():
    state = freeze(RunState(phase="warmup", unit=7, window=2))
    assert (state.phase, state.unit) == ("produce", 0)


def test_chunks_are_joined_in_order():
    first, second = (collect(make_record(n), SWEEP, window=n) for n in (2, 3))
    joined = join_chunks((first, second))
    assert isinstance(joined, DrawChunk)
    np.testing.assert_array_equal(joined.window, [2] * 6 + [3] * 9)
    np.testing.assert_array_equal(joined.log_prob[6:], second.log_prob)
