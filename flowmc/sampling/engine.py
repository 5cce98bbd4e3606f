"""The machinery of a run: target, models, compiled blocks; one transition at a time.

The engine owns what is compiled or learned.  What a run *does* with it, phase by phase,
is in `start`, `warmup` and `production`.
"""

__all__ = ["Engine", "PartialBlockError"]

import time
from collections.abc import Sequence
from typing import Any

from flowmc.core.errors import LogProbError
from flowmc.sampling.block import Block
from flowmc.sampling.faults import enter_tally
from flowmc.sampling.learner import Learner
from flowmc.sampling.local_kernels import (
    local_name,
    make_jump,
    make_local,
    tuned_part,
)
from flowmc.sampling.replicas import check_replicas, make_replicated_block
from flowmc.sampling.settings import Schedule
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState
from flowmc.sampling.sweep import Sweep


class Engine:
    """Everything compiled or learned that a run works with.

    Args:
        space: The target in `x`.
        model: Family name or model instance.
        kernel: Name of the local kernel.
        schedule: Settings.
        num_chains: Chains moved at once.
        seed: Root seed.
        progress: Shown while fitting.
        devices: Where the sweeps run, the chains split evenly over them.
    """

    def __init__(
        self,
        space: Space,
        *,
        model: Any,
        kernel: str,
        schedule: Schedule,
        num_chains: int,
        seed: Any,
        progress: Any,
        devices: Sequence[str] = ("/CPU:0",),
    ) -> None:
        self.space, self.schedule = space, schedule
        self.num_chains, self.seed, self.progress = num_chains, seed, progress
        self.learner = Learner(
            space.event_size, model=model, schedule=schedule, seed=seed
        )
        self._devices = check_replicas(
            devices, num_chains=num_chains, is_graph=space.is_graph
        )
        self.kernel = kernel
        self._blocks: dict[str, tuple[Sweep, Any]] = {}

    def restore(self, state: RunState) -> None:
        """Take over what a stored state had learned."""
        if state.learned:
            self.learner.from_arrays(state.learned)

    def block(self) -> tuple[Sweep, Any]:
        """Return the sweep of the map in force and what runs it."""
        rules = self.learner.rules
        if rules not in self._blocks:
            sweep = self._make_sweep(rules)
            runner = make_replicated_block(
                sweep,
                self.space,
                num_chains=self.num_chains,
                devices=self._devices,
            )
            self._blocks[rules] = (sweep, runner)
        return self._blocks[rules]

    def run_block(self, state: RunState, *, count: int, seed: Any) -> tuple:
        """Run sweeps from the state; account for time, evaluations and bad values.

        Returns:
            The block, and the state with its ledger brought up to date (positions are
            the caller's to take over).
        """
        sweep, runner = self.block()
        local = tuned_part(sweep.local)
        if hasattr(local, "step_size"):
            local.step_size.assign(state.scalars["step_size"])
        started, compiled = time.perf_counter(), runner.compile_seconds
        block: Block = runner.run(
            state.position, state.log_prob, first=state.unit, count=count, seed=seed
        )
        state = spend(state, started, runner.compile_seconds - compiled)
        return block, state.add_problems(enter_tally(block.tally, self.space))

    def remember(self, block: Block) -> None:
        """Offer evenly spaced states of each sweep to the reservoir."""
        num_draws = block.record.position.shape[1]
        stride = max(1, num_draws // self.schedule.record_per_sweep)
        kept = slice(stride - 1, None, stride)
        x = block.record.position[:, kept].reshape(-1, self.space.event_size)
        self.learner.replay.add(x, log_prob=block.record.log_prob[:, kept].reshape(-1))

    @property
    def local_kernel(self) -> str:
        """Name of the local kernel of the map in force."""
        return local_name(self.kernel, self.learner.model)

    def _make_sweep(self, rules: str) -> Sweep:
        model, schedule = self.learner.model, self.schedule
        return Sweep(
            make_local(self.local_kernel, model),
            make_jump(model, self.learner.proposals[rules], schedule),
            num_local=schedule.num_local,
        )


class PartialBlockError(LogProbError):
    """A block ended early; `state` holds the sweeps that were whole."""

    def __init__(self, state: RunState, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.state = state
        self.cause = cause


def spend(state: RunState, started: float, compiled: float) -> RunState:
    """Enter the time since `started`, of which `compiled` went into compilation."""
    elapsed = time.perf_counter() - started
    return state.spend("compile", compiled).spend("sample", elapsed - compiled)
