"""One sweep: a few local steps, then a block of independence jumps; all recorded.

The pattern is fixed, so a sweep is an exact transition of its own, and every state on
the way is a draw.  Kernels are initialized anew from `(position, log_prob)` at each
sweep: all their caches come from the weights in force.
"""

__all__ = ["JUMP", "LOCAL", "Sweep", "SweepRecord", "only_taken"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import split
from flowmc.core.types import Array, Seed
from flowmc.kernels.drive import start_tally
from flowmc.kernels.tally import Tally

LOCAL, JUMP = 0, 1


class SweepRecord(NamedTuple):
    """Every draw of a sweep, S = local steps + number of jumps, and the proposals."""

    position: Array  # [S, num_chains, D]
    log_prob: Array  # [S, num_chains]
    is_accepted: Array  # [S, num_chains]
    local_acceptance: Array  # [num_local], mean probabilities, for step sizes
    proposal: Array  # [num_jumps, num_chains, D]
    proposal_log_weight: Array  # [num_jumps, num_chains]


class Sweep:
    """A local kernel and a kernel of jumps in a fixed alternation.

    Args:
        local: Kernel for small steps.
        jump: Kernel of jumps, made in one block; it gives `num_steps` states.
        num_local: Most local steps before each block of jumps, at least 1.
    """

    def __init__(self, local: Any, jump: Any, *, num_local: int) -> None:
        self.local = local
        self.jump = jump
        self.num_local = num_local

    @property
    def num_draws(self) -> int:
        """Most draws recorded by one sweep, `S`."""
        return self.num_local + self.jump.num_steps

    @property
    def num_proposals(self) -> int:
        """Jumps that a sweep proposes to each chain."""
        return getattr(self.jump, "num_proposals", self.jump.num_steps)

    def kernel_ids(self, num_local: int | None = None) -> np.ndarray:
        """Return which kernel makes each draw of a sweep with `num_local` steps."""
        count = self.num_local if num_local is None else num_local
        return np.array([LOCAL] * count + [JUMP] * self.jump.num_steps)

    def step(
        self,
        position: Array,
        log_prob: Array,
        *,
        seed: Seed,
        stepper: Any,
        num_local: Any = None,
    ) -> tuple[Array, Array, SweepRecord, Tally]:
        """Run one sweep from `position` `[num_chains, D]`.

        Args:
            position: Where the chains are.
            log_prob: Their log-densities `[num_chains]`.
            seed: Of the sweep.
            stepper: Takes the steps, compiled or on the host.
            num_local: Local steps, an integer tensor in compiled code; all if None.

        Returns:
            The last position and log-density, the record of the sweep (in compiled
            code the rows of local steps not taken are zero), and its tally.
        """
        local_seed, jump_seed = split(seed, n=2)
        state = stepper.init(self.local, position, log_prob)
        begun = start_tally(self.local, state)
        state, local = stepper.repeat(
            self.local,
            state,
            num_steps=self.num_local if num_local is None else num_local,
            seed=local_seed,
            capacity=self.num_local,
        )
        state = stepper.init(self.jump, state.position, state.log_prob)
        state, info = stepper(self.jump, state, seed=jump_seed)
        tally = stepper.add(begun, stepper.add(local.tally, info.tally))
        path = info.path
        *steps, local_acceptance = local.columns
        jumped = (path.position, path.log_prob, path.is_accepted)
        position, log_prob, is_accepted = (
            tf.concat(pair, axis=0) for pair in zip(steps, jumped, strict=True)
        )
        record = SweepRecord(
            position=position,
            log_prob=log_prob,
            is_accepted=is_accepted,
            local_acceptance=local_acceptance,
            proposal=path.proposal,
            proposal_log_weight=path.proposal_log_weight,
        )
        return state.position, state.log_prob, record, tally


def only_taken(record: SweepRecord, *, num_local: int, most: int) -> SweepRecord:
    """Drop the rows of local steps not taken from a record `[sweeps, S, ...]`."""
    if num_local == most:
        return record
    jumps = np.arange(most, record.position.shape[1])
    kept = np.concatenate([np.arange(num_local), jumps])
    return record._replace(
        position=record.position[:, kept],
        log_prob=record.log_prob[:, kept],
        is_accepted=record.is_accepted[:, kept],
        local_acceptance=record.local_acceptance[:, :num_local],
    )
