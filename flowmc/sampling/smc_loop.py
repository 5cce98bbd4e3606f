"""The main loop of `sample_smc`: anneal, refine at the target, freeze, draw.

Only counts decide what is computed; limits in seconds are an option.
"""

__all__ = ["SmcLoop", "run_smc"]

import time
from dataclasses import replace

from flowmc.core.progress import Progress
from flowmc.core.records import WindowRecord
from flowmc.sampling.budget import Budget, Room
from flowmc.sampling.carrier import Carrier
from flowmc.sampling.engine import Engine
from flowmc.sampling.main_loop import MainLoop, carry
from flowmc.sampling.saver import Saver
from flowmc.sampling.smc_checks import is_unfit
from flowmc.sampling.smc_draw import (
    draw,
    effective_draws,
    give_back,
    next_batch,
    weights_so_far,
)
from flowmc.sampling.smc_refine import begin, freeze, refine
from flowmc.sampling.smc_shown import SmcShown
from flowmc.sampling.state import RunState, spend
from flowmc.sampling.temper import effective_sample_size

ANNEAL_SHARE, LEARN_SHARE = 0.6, 0.75  # of a budget, all before included
MOST_RETURNS = 3  # from draws to learning
MOST_FACTOR = 25  # draws for each effective one wanted, after which it is hopeless


def run_smc(
    engine: Engine,
    state: RunState,
    *,
    budget: Budget,
    saver: Saver,
    bar: Progress,
) -> tuple[RunState, list[str]]:
    """Carry a run from `state` to its end.

    Returns:
        The final state, and why it ended before its plan, if it did.

    Raises:
        InterruptedRunError: `budget.should_stop` said so; the state was saved.
        LogProbError: The target failed; the state before that was saved.
    """
    loop = SmcLoop(engine, budget, bar)
    if state.phase == "done":
        state = replace(state, phase="draw", history=state.history[:-1])
        state = loop.finish_if_enough(state)
    state = carry(loop, state, budget=budget, saver=saver, progress=bar)
    return state, loop.reasons


class SmcLoop(MainLoop):
    """One run's way through its phases.

    Args:
        engine: The run's machinery.
        budget: Its limits; `target_ess` is what the draws are to be worth.
        progress: Where it is shown.
    """

    def __init__(self, engine: Engine, budget: Budget, progress: Progress) -> None:
        super().__init__(engine)
        self._budget = budget
        self._carrier = Carrier(engine, num_particles=engine.num_chains)
        self._shown = SmcShown(
            engine, progress, wanted=self._wanted, most=budget.max_evaluations
        )

    @property
    def _wanted(self) -> float:
        return float(self._budget.target_ess or self._budget.num_draws)

    def _anneal(self, state: RunState) -> RunState:
        engine = self._engine
        started, before = time.perf_counter(), engine.seconds
        is_last = self._is_spent(state, ANNEAL_SHARE)
        room = self._room(state, ANNEAL_SHARE)
        state, particles, is_moved = self._carrier.advance(state, room=room)
        state = spend(state, started, engine.seconds - before)
        ladder, b = self._carrier.annealer.ladder, particles.inverse_temperature
        if is_moved:
            record = WindowRecord(
                name=f"temperature {state.unit - 1}",
                model=engine.learner.model.name,
                num_steps=engine.draws_per_sweep(state),
                acceptance=particles.known_acceptance,
                settings={
                    "inverse_temperature": b,
                    "ess": effective_sample_size(ladder.log_weight(b)),
                    "log_evidence": particles.log_evidence,
                    "step_size": particles.step_size,
                },
            )
            state = replace(state, history=(*state.history, record))
        self._shown.temperature(state, self._counted(state), ladder)
        is_last |= state.unit > engine.schedule.anneal.max_levels or not is_moved
        if b < 1.0 and not is_last:
            return state
        started, before = time.perf_counter(), engine.seconds
        state = begin(engine, self._carrier, state)
        state = spend(state, started, engine.seconds - before)
        return state if b >= 1.0 else freeze(engine, state)

    def _refine(self, state: RunState) -> RunState:
        engine = self._engine
        started, before = time.perf_counter(), engine.seconds
        if self._is_spent(state, LEARN_SHARE):
            return freeze(engine, state)
        room = self._room(state, LEARN_SHARE)
        state = refine(engine, self._carrier, state, wanted=self._wanted, room=room)
        self._shown.refined(state, self._counted(state))
        return spend(state, started, engine.seconds - before)

    def _draw(self, state: RunState) -> RunState:
        engine = self._engine
        started, before = time.perf_counter(), engine.seconds
        room = self._budget.room(state.num_spent, share=1.0).most
        count = next_batch(state, wanted=self._wanted, room=room)
        if count:
            state = draw(engine, state, count=count)
            state = spend(state, started, engine.seconds - before)
        counted = self._counted(state)
        self._shown.drawn(state, counted)
        if self._should_return(state, counted.num_spent):
            return self._return(state)
        return self.finish_if_enough(state, num_spent=counted.num_spent)

    def _should_return(self, state: RunState, num_spent: int) -> bool:
        """Whether a first batch shows an unfit map, and learning is affordable."""
        can_learn = state.scalars["inverse_temperature"] >= 1.0
        is_first = state.unit == 1 and state.scalars.get("returns", 0) < MOST_RETURNS
        is_late = self._budget.is_spent(num_spent, share=LEARN_SHARE)
        return can_learn and is_first and not is_late and is_unfit(self._engine, state)

    def _return(self, state: RunState) -> RunState:
        """Go back to learning, from the draws as well: they are final no longer."""
        carrier, engine = self._carrier, self._engine
        engine.learner.dissolve()
        particles = carrier.restore(state)
        give_back(carrier.annealer, engine.space, state)
        record = WindowRecord(
            name="draws given back",
            model=engine.learner.model.name,
            num_steps=len(weights_so_far(state)),
            notes=("the proposal missed a region: learning goes on",),
        )
        scalars = {**state.scalars, "returns": state.scalars.get("returns", 0) + 1}
        state = replace(
            state,
            phase="refine",
            draws=(),
            scalars=scalars,
            history=(*state.history, record),
        )
        return carrier.store(state, particles, unit=int(scalars["windows"]))

    def finish_if_enough(
        self, state: RunState, *, num_spent: int | None = None
    ) -> RunState:
        """End the run if its draws are worth what was wanted, or nothing is left."""
        num_spent = state.num_spent if num_spent is None else num_spent
        effective, count = effective_draws(state), len(weights_so_far(state))
        if effective < self._wanted:
            reason = self._budget.exhausted(num_spent, next_cost=1)
            if reason is None and count > MOST_FACTOR * self._wanted:
                reason = (
                    f"The draws must be worth {self._wanted:.0f} independent ones; "
                    f"{count} of the frozen proposal are worth {effective:.0f}. Raise "
                    "`num_particles`, or use a richer `model`."
                )
            if reason is None:
                return state
            self.reasons.append(reason)
        record = WindowRecord(
            name="weighted draws",
            model=self._engine.learner.model.name,
            num_steps=count,
            settings={"efficiency": effective / max(count, 1)},
            notes=("frozen: no weight changed",),
        )
        kept = (n for n in state.learned if not n.startswith("ladder/"))
        learned = {name: state.learned[name] for name in kept}
        history = (*state.history, record)
        return replace(state, phase="done", learned=learned, history=history)

    def _room(self, state: RunState, share: float) -> Room:
        """Return what is left for learning: the last draws are not to be touched."""
        limit = self._budget.max_evaluations or 0
        reserve = int((1.0 - share) * limit)
        return self._budget.room(state.num_spent, share=share, reserve=reserve)

    def _is_spent(self, state: RunState, share: float) -> bool:
        """Whether a unit like the last one would use up learning's share."""
        likely = state.num_spent + state.last_cost
        return self._budget.is_spent(likely, share=share)
