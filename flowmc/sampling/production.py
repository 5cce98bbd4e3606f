"""Frozen production: one exact transition, over and over; only this is reported."""

__all__ = ["is_enough", "never_enough", "produce", "smallest_ess"]

from dataclasses import replace

import numpy as np

from flowmc.core.seeds import fold_in
from flowmc.results.chain_statistics import chain_statistics
from flowmc.sampling.budget import Budget
from flowmc.sampling.engine import Engine, PartialBlockError
from flowmc.sampling.state import RunState, join_chunks
from flowmc.sampling.warmup import collect

STUCK_FACTOR = 10  # times the draws asked for, after which a stuck chain is final


def produce(engine: Engine, state: RunState, *, num_sweeps: int) -> RunState:
    """Run a block of frozen sweeps and keep every draw.

    Raises:
        PartialBlockError: The target failed; its `state` has the sweeps before that.
    """
    seed = fold_in(engine.seed, "produce")
    block, state = engine.run_block(state, count=num_sweeps, seed=seed)
    if block.record is not None:
        sweep = engine.block()[0]
        chunk = collect(block.record, sweep, window=len(state.history))
        state = replace(
            state,
            unit=state.unit + len(block.record.position),
            position=block.position,
            log_prob=block.log_prob,
            draws=(*state.draws, chunk),
        )
    if block.error is not None:
        raise PartialBlockError(state, block.error) from block.error
    return state


def is_enough(state: RunState, budget: Budget) -> bool:
    """Whether the draws asked for, and the effective draws, are there."""
    if state.num_draws < budget.num_draws:
        return False
    return budget.target_ess is None or smallest_ess(state) >= budget.target_ess


def never_enough(state: RunState, budget: Budget) -> str | None:
    """Return why `target_ess` is out of reach: some chain stands still, or None."""
    is_late = state.num_draws >= STUCK_FACTOR * budget.num_draws
    if budget.target_ess is None or not is_late or smallest_ess(state) >= 0.0:
        return None
    return (
        f"Every chain must move for an ESS to exist; after {state.num_draws} draws one "
        "still stands where it began, so `target_ess` is out of reach. Warm up longer."
    )


def smallest_ess(state: RunState) -> float:
    """Return the smallest bulk ESS of any coordinate over all production draws."""
    draws = join_chunks(state.draws).position
    sizes = [chain_statistics(draws[:, :, i]).ess_bulk for i in range(draws.shape[2])]
    return float(np.min(sizes))
