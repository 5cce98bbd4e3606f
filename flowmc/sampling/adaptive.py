"""The adaptive sampler's main loop: advance, show, save, until it is done.

Only counts decide what is computed; clocks decide when a checkpoint is written and how
many sweeps go into one block, and neither changes a draw.  Limits in seconds and
shares by seconds are options.
"""

__all__ = ["run_adaptive"]

import logging
import time
from dataclasses import replace
from typing import Any

from flowmc.core.progress import Progress
from flowmc.core.records import WindowRecord
from flowmc.sampling import costs
from flowmc.sampling.budget import Budget, Room
from flowmc.sampling.conclusion import conclude
from flowmc.sampling.engine import Engine
from flowmc.sampling.main_loop import MainLoop, carry
from flowmc.sampling.other_groups import OtherGroups
from flowmc.sampling.production import is_enough, never_enough, produce
from flowmc.sampling.saver import Saver
from flowmc.sampling.shown import Shown
from flowmc.sampling.start import StartPhase
from flowmc.sampling.state import RunState
from flowmc.sampling.timed_shares import choose_by_seconds
from flowmc.sampling.warmup import CUT_SHORT, acceptance_by_kernel, freeze, warm_up

BLOCK_SECONDS = 1.0
# Of a budget.  Warm-up may have most of it: with jumps that are accepted the rest makes
# more draws than all of it would make with jumps that are not.
START_SHARE = 0.5
WARMUP_SHARE = 0.8
TIMING_SHARE = 0.05  # where seconds choose the shares
_logger = logging.getLogger(__name__)


def run_adaptive(
    engine: Engine,
    state: RunState,
    *,
    initial: Any,
    budget: Budget,
    saver: Saver,
    progress: Progress,
) -> tuple[RunState, list[str]]:
    """Carry a run from `state` to its end.

    Returns:
        The final state and reasons against trusting it, if the budget cut it short.

    Raises:
        InterruptedRunError: `budget.should_stop` said so; the state was saved.
        LogProbError: The target failed; what was sampled before was saved.
    """
    loop = _Loop(engine, initial, budget, progress)
    if state.phase == "done":
        state = loop.reopen(state)
    state = carry(loop, state, budget=budget, saver=saver, progress=progress)
    return state, loop.reasons


class _Loop(MainLoop):
    """One run's way through its phases."""

    def __init__(self, engine, initial, budget, progress) -> None:
        super().__init__(engine)
        self._start = StartPhase(engine, initial=initial)
        self._groups = OtherGroups(engine, budget, is_annealed=initial is None)
        self._budget = budget
        self._shown = Shown(engine, progress, budget=budget)
        self._block_size = 1

    def reopen(self, state: RunState) -> RunState:
        """Go on with a finished run if more is asked of it now."""
        state = replace(state, phase="produce", history=state.history[:-1])
        return self._finish_if_enough(state)

    def _anneal(self, state: RunState) -> RunState:
        is_last = self._is_spent(state, START_SHARE)
        room = self._room(state, START_SHARE)
        state = self._start.advance(state, is_last=is_last, room=room)
        is_over = state.phase != "anneal"
        b = 1.0 if is_over else float(state.scalars["inverse_temperature"])
        self._shown.annealing(b)
        return state

    def _warmup(self, state: RunState) -> RunState:
        window = state.window
        if self._groups.is_due(state):
            return self._scout_group(self._groups.send(state))
        # What was drawn since the last fit is learned from before the end.
        room = self._room(state, WARMUP_SHARE).least
        most = costs.sweeps_within(self._engine, state, room)
        is_last = most == 0 or self._is_spent(state, WARMUP_SHARE)
        if is_last and state.unit == 0:
            record = WindowRecord("warmup ended", "none", 0, notes=(CUT_SHORT,))
            state = replace(state, history=(*state.history, record))
            return self._timed(freeze(conclude(self._engine, state)))
        state = warm_up(self._engine, state, is_last=is_last, most=most)
        self._shown.warm_up(state, window=window)
        return self._timed(state) if state.phase == "produce" else state

    def _timed(self, state: RunState) -> RunState:
        """Let the clock choose the shares of production, if it is to."""
        if self._engine.schedule.shares_by != "seconds":
            return state
        room = self._budget.room(0, share=TIMING_SHARE)
        room = room._replace(most=self._room(self._counted(state), 1.0).most)
        return choose_by_seconds(self._engine, state, room=room.least)

    def _scout(self, state: RunState) -> RunState:
        return self._scout_group(state)

    def _scout_group(self, state: RunState) -> RunState:
        state = self._groups.advance(state)
        is_over = state.phase != "scout"
        if is_over:
            cost = self._counted(state).num_spent - int(state.scalars["spent_before"])
            state = replace(state, modes={**state.modes, "scout_evaluations": cost})
        b = 1.0 if is_over else float(state.scout["scalars"][0])
        self._shown.annealing(b, phase="second group")
        return state

    def _room(self, state: RunState, share: float) -> Room:
        """Return what is left before production."""
        reserve = costs.least_sweep(self._engine, state)
        return self._budget.room(state.num_spent, share=share, reserve=reserve)

    def _is_spent(self, state: RunState, share: float) -> bool:
        """Whether a unit like the last one would use up learning's share."""
        likely = state.num_spent + state.last_cost
        return self._budget.is_spent(likely, share=share)

    def _produce(self, state: RunState) -> RunState:
        left = self._budget.room(state.num_spent, share=1.0).most
        if state.unit == 0:
            state = costs.fitting_local_steps(self._engine, state, left)
        to_look = self._sweeps_to_look(state)
        surely = max(1.0, costs.sweeps_within(self._engine, state, left))
        count = int(min(self._block_size, to_look, surely))
        started = time.monotonic()
        state = produce(self._engine, state, num_sweeps=count)
        elapsed = max(time.monotonic() - started, 1e-6)
        capacity = self._engine.block()[1].capacity
        fitting = int(self._block_size * BLOCK_SECONDS / elapsed)
        self._block_size = max(1, min(fitting, 2 * self._block_size, capacity))
        self._shown.production(state)
        return self._finish_if_enough(state, is_look=count == to_look)

    def _sweeps_to_look(self, state: RunState) -> int:
        """Sweeps until the next look at the draws: a count, not a matter of time."""
        engine = self._engine
        wanted = -(-self._budget.num_draws // engine.draws_per_sweep(state))
        if self._budget.max_seconds is not None:
            return 1
        if state.unit < wanted:
            return wanted - state.unit
        stride = max(1, wanted // 10)
        return stride - (state.unit - wanted) % stride

    def _finish_if_enough(self, state: RunState, *, is_look: bool = True) -> RunState:
        if not (is_look and is_enough(state, self._budget)):
            num_done = self._counted(state).num_spent
            cost = costs.likely_sweep(self._engine, state)
            reason = self._budget.exhausted(num_done, next_cost=cost)
            if reason is None and is_look:
                reason = never_enough(state, self._budget)
            if reason is None:
                return state
            self.reasons.append(reason)
        index = len(state.history)
        record = WindowRecord(
            name="production",
            model=self._engine.learner.model.name,
            num_steps=state.num_draws,
            acceptance=acceptance_by_kernel(state.draws, index),
            settings={
                "step_size": state.scalars["step_size"],
                "num_local": self._engine.num_local(state),
            },
            notes=("frozen: no weight and no step size changed",),
        )
        return replace(state, phase="done", history=(*state.history, record))
