"""Sweeps with fewer local steps than there is room for: exact, and recorded as such."""

import numpy as np
import pytest

from flowmc import kernels
from flowmc.sampling.block import make_block
from flowmc.sampling.space import Space
from flowmc.sampling.sweep import JUMP, LOCAL, Sweep, SweepRecord, only_taken
from tests.statistical.invariance import (
    PASS,
    TARGET,
    Wide,
    exact_draws,
    largest_z,
)

MOST, NUM_JUMPS = 3, 2


def make(backend):
    sweep = Sweep(
        kernels.make("random_walk", step_size=0.8, jitter=3.0),
        kernels.make("independence", model=Wide(), num_steps=NUM_JUMPS),
        num_local=MOST,
    )
    space = Space(TARGET.target(backend))
    return make_block(sweep, space, num_chains=len(exact_draws())), sweep


def run(block, x, *, num_local, count=2, **options):
    options = {"first": 0, "count": count, "seed": (7, 8), **options}
    return block.run(x, TARGET.host_fn(x), num_local=num_local, **options)


@pytest.fixture(scope="module", params=["tensorflow", "numpy"])
def block(request):
    return make(request.param)[0]


@pytest.mark.parametrize("num_local", [1, 2, MOST])
def test_any_number_of_local_steps_keeps_the_target(block, num_local):
    moved = run(block, exact_draws(), num_local=num_local)
    draws = num_local + NUM_JUMPS
    record = moved.record
    assert record.position.shape == (2, draws, len(exact_draws()), 2)
    assert record.log_prob.shape == record.is_accepted.shape == (2, draws, 20_000)
    assert record.local_acceptance.shape == (2, num_local)
    assert record.proposal.shape == (2, NUM_JUMPS, 20_000, 2)
    for position in record.position.reshape(-1, 20_000, 2):
        assert largest_z(position) < PASS
    np.testing.assert_array_equal(record.position[-1, -1], moved.position)


def test_the_record_tells_what_happened(block):
    start = exact_draws()
    for num_local in (1, MOST):
        record = run(block, start, num_local=num_local).record
        path = record.position.reshape(-1, *start.shape)
        before = np.concatenate([start[None], path[:-1]])
        moved = np.any(path != before, axis=-1)
        np.testing.assert_array_equal(moved, record.is_accepted.reshape(moved.shape))
        flat = record.log_prob.reshape(-1)
        np.testing.assert_allclose(flat, TARGET.host_fn(path.reshape(-1, 2)))
        assert np.all((record.local_acceptance > 0.1) & (record.local_acceptance < 1.0))


def test_all_steps_are_taken_unless_told_otherwise(block):
    ours = run(block, exact_draws(), num_local=None, count=1)
    theirs = run(block, exact_draws(), num_local=MOST, count=1)
    for name in SweepRecord._fields:
        expected = getattr(theirs.record, name)
        np.testing.assert_array_equal(getattr(ours.record, name), expected)


def test_the_first_local_steps_are_the_same(block):
    few, many = (run(block, exact_draws(), num_local=n, count=1) for n in (1, MOST))
    first, second = few.record.position[0, 0], many.record.position[0, 0]
    np.testing.assert_array_equal(first, second)


def test_only_what_was_taken_is_counted(block):
    for num_local in (1, MOST):
        tally = run(block, exact_draws(), num_local=num_local).tally.as_dict()
        assert tally["log_prob_calls"] == 2 * 20_000 * (num_local + NUM_JUMPS)


def test_kernel_ids_follow_the_number_of_steps():
    sweep = make("numpy")[1]
    assert sweep.num_draws == MOST + NUM_JUMPS
    np.testing.assert_array_equal(sweep.kernel_ids(1), [LOCAL] + [JUMP] * 2)
    np.testing.assert_array_equal(sweep.kernel_ids(), [LOCAL] * 3 + [JUMP] * 2)


def test_rows_of_steps_not_taken_are_dropped():
    rows = np.arange(2 * 5).reshape(2, 5)
    record = SweepRecord(rows, rows, rows, rows[:, :3], None, None)
    kept = only_taken(record, num_local=1, most=3)
    np.testing.assert_array_equal(kept.position, [[0, 3, 4], [5, 8, 9]])
    np.testing.assert_array_equal(kept.local_acceptance, [[0], [5]])
    assert only_taken(record, num_local=3, most=3) is record
