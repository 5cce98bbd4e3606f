"""The machinery of a run: target, models, compiled blocks; one transition at a time.

The engine owns what is compiled or learned.  What a run *does* with it, phase by phase,
is in `start`, `warmup` and `production`.
"""

__all__ = ["Engine", "NEWER_COUNT", "PartialBlockError"]

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowmc.core.errors import LogProbError
from flowmc.sampling.block import Block
from flowmc.sampling.faults import enter_tally
from flowmc.sampling.local_kernels import (
    first_step_size,
    for_annealing,
    local_name,
    make_jump,
    make_local,
    most_evaluations,
    tuned_part,
)
from flowmc.sampling.replicas import check_replicas, make_replicated_block
from flowmc.sampling.settings import Schedule
from flowmc.sampling.several import Several
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState, spend
from flowmc.sampling.sweep import Sweep

NEWER_COUNT = 1.5  # how much more a window's draws count than those before
CAUTION = 3.0  # times the counted cost of a local step that a sweep may need
LOCAL_ROOM = 2  # times the local steps of the schedule that the pilot may ask for


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
        is_free_to_choose: Whether another family may replace `model`.
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
        is_free_to_choose: bool = False,
    ) -> None:
        self.is_free_to_choose = is_free_to_choose
        self.space, self.schedule = space, schedule
        self.num_chains, self.seed, self.progress = num_chains, seed, progress
        self.learner = Several(
            space.event_size,
            model=model,
            schedule=schedule,
            seed=seed,
            is_free=is_free_to_choose,
        )
        self._devices = check_replicas(
            devices, num_chains=num_chains, is_graph=space.is_graph
        )
        self.kernel = kernel
        self.blank = self.learner.to_arrays()  # before anything was learned
        self._blocks: dict[tuple[str, ...], tuple[Sweep, Any]] = {}

    def restore(self, state: RunState) -> None:
        """Take over what a stored state had learned."""
        if state.learned:
            self.learner.from_arrays(state.learned)

    def block(self, kernel: str | None = None) -> tuple[Sweep, Any]:
        """Return the sweep of the map in force and what runs it.

        Args:
            kernel: Name of the local kernel, if not the run's own.
        """
        learner, name = self.learner, kernel or self.local_kernel
        key = (learner.rules, name, learner.family)
        if key not in self._blocks:
            sweep = self._make_sweep(name)
            runner = make_replicated_block(
                sweep,
                self.space,
                num_chains=self.num_chains,
                devices=self._devices,
            )
            self._blocks[key] = (sweep, runner)
        return self._blocks[key]

    def run_block(self, state: RunState, *, count: int, seed: Any) -> tuple:
        """Run sweeps from the state; account for time, evaluations and bad values.

        Returns:
            The block, and the state with its ledger brought up to date (positions are
            the caller's to take over).
        """
        _, runner = self.block()
        self._tuned(state)
        started, before = time.perf_counter(), self.seconds
        block: Block = runner.run(
            state.position,
            state.log_prob,
            first=state.unit,
            count=count,
            seed=seed,
            num_local=self.num_local(state),
        )
        state = spend(state, started, self.seconds - before)
        counts = enter_tally(block.tally, self.space)
        if state.phase == "warmup" and block.record is not None:
            state = self._measured(state, len(block.record.position), counts)
        return block, state.add_problems(counts)

    @property
    def seconds(self) -> np.ndarray:
        """Seconds spent on compiling sweeps, on fits, and in the target, so far."""
        compiling = sum(runner.compile_seconds for _, runner in self._blocks.values())
        target = self.space.target.seconds
        return np.array([compiling, self.learner.train_seconds, target])

    @property
    def annealing_kernel(self) -> Any:
        """The local kernel of the sweeps at higher temperatures."""
        return tuned_part(self.block(self.annealing_name)[0].local)

    @property
    def first_annealing_step(self) -> float:
        """Step size that the annealing begins with."""
        return first_step_size(self.annealing_name, self.space.event_size)

    @property
    def annealing_name(self) -> str:
        """Name of the local kernel while annealing."""
        name = for_annealing(self.kernel, self.space.target)
        return local_name(name, self.learner.model)

    def num_local(self, state: RunState) -> int:
        """Local steps of a sweep, as the pilot chose."""
        return int(state.scalars.get("num_local", self.schedule.num_local))

    def draws_per_sweep(self, state: RunState) -> int:
        """States that a sweep records of each chain."""
        return self.num_local(state) + self.schedule.jump_states

    def sweep_cost(self, state: RunState) -> int:
        """Most evaluations, gradients among them, that one sweep is likely to take.

        The longest trees of all chains at once are never met: a multiple of what was
        counted is enough, and the rest of a budget is not left unspent.
        """
        local = min(self._most_local(state), CAUTION * self.local_cost(state))
        steps = math.ceil(local * self.num_local(state))
        begun = getattr(self.block()[0].local, "gradients_at_start", 0)
        return self.num_chains * (steps + self.schedule.num_jumps + begun)

    def local_cost(self, state: RunState) -> float:
        """Evaluations of one local step of one chain, on average.

        Counted over the last window of warm-up; before there is one, the most.
        """
        scalars = state.scalars
        if not scalars.get("local_steps"):
            return float(self._most_local(state))
        return max(1.0, scalars["local_evaluations"] / scalars["local_steps"])

    def _most_local(self, state: RunState) -> int:
        return most_evaluations(self._tuned(state).local)

    def _tuned(self, state: RunState) -> Sweep:
        """Return the sweep in force with the state's step size."""
        sweep, _ = self.block()
        local = tuned_part(sweep.local)
        if hasattr(local, "step_size"):
            local.step_size.assign(state.scalars["step_size"])
        return sweep

    def _measured(self, state: RunState, num_sweeps: int, counts: dict) -> RunState:
        """Add what a block's local steps cost to those of its window."""
        num_local, begun = self.num_local(state), self.block()[0].local
        per_sweep = self.schedule.num_jumps + getattr(begun, "gradients_at_start", 0)
        found = {
            "local_steps": num_sweeps * num_local * self.num_chains,
            "local_evaluations": counts["log_prob_calls"]
            + counts["gradient_calls"]
            - num_sweeps * per_sweep * self.num_chains,
        }
        if state.unit > 0:  # else a window begins
            found = {k: n + state.scalars.get(k, 0) for k, n in found.items()}
        return replace(state, scalars={**state.scalars, **found})

    def remember(self, block: Block, *, window: int) -> None:
        """Offer evenly spaced states of each sweep to the reservoir.

        Later windows sample the target better: their draws stay a little longer.
        """
        num_draws = block.record.position.shape[1]
        stride = max(1, num_draws // self.schedule.record_per_sweep)
        kept = slice(stride - 1, None, stride)
        x = block.record.position[:, kept].reshape(-1, self.space.event_size)
        log_prob = block.record.log_prob[:, kept].reshape(-1)
        weights = np.full(len(x), NEWER_COUNT ** (1 + window))
        self.learner.replay.add(x, log_prob=log_prob, weights=weights)

    @property
    def local_kernel(self) -> str:
        """Name of the local kernel of the map in force."""
        return local_name(self.kernel, self.learner.model)

    def _make_sweep(self, kernel: str) -> Sweep:
        model, schedule = self.learner.model, self.schedule
        return Sweep(
            make_local(kernel, model, self.learner.affine),
            make_jump(model, self.learner.proposal, schedule),
            num_local=LOCAL_ROOM * schedule.num_local,
        )


class PartialBlockError(LogProbError):
    """A block ended early; `state` holds the sweeps that were whole."""

    def __init__(self, state: RunState, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.state = state
        self.cause = cause
