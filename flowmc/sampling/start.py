"""The first phase: chains at given positions, or annealed to the target."""

__all__ = ["StartPhase"]

import time
from dataclasses import replace
from typing import Any

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.annealing import ANY_ROOM
from flowmc.sampling.budget import Room
from flowmc.sampling.carrier import Carrier
from flowmc.sampling.conclusion import GIVEN
from flowmc.sampling.engine import Engine
from flowmc.sampling.initial import positions_from
from flowmc.sampling.local_kernels import first_step_size
from flowmc.sampling.particles import Particles, num_particles
from flowmc.sampling.state import RunState, spend


class StartPhase:
    """Brings the chains into place; one temperature a call.

    Args:
        engine: The run's machinery.
        initial: Starting positions theta `[n, D]`, or None to anneal.
    """

    def __init__(self, engine: Engine, *, initial: Any) -> None:
        self._engine = engine
        self._initial = initial
        each = engine.schedule.anneal.particles_per_chain
        self._carrier = Carrier(
            engine, num_particles=num_particles(engine, per_chain=each)
        )
        self._annealer = self._carrier.annealer

    def advance(
        self, state: RunState, *, is_last: bool = False, room: Room = ANY_ROOM
    ) -> RunState:
        """Do one unit of work; the last one begins the warm-up.

        Args:
            state: The run so far.
            is_last: End the annealing with this unit, wherever it is.
            room: Evaluations that are left for it; it ends where they do.
        """
        engine = self._engine
        started, before = time.perf_counter(), engine.seconds
        if self._initial is not None:
            state = self._start_from_positions(state)
            return spend(state, started, engine.seconds - before)
        state, particles, is_moved = self._carrier.advance(state, room=room)
        state = spend(state, started, engine.seconds - before)
        is_last |= state.unit > engine.schedule.anneal.max_levels or not is_moved
        if particles.inverse_temperature < 1.0 and not is_last:
            return state
        return self._start_from_particles(state, particles)

    def _start_from_particles(self, state: RunState, particles: Particles) -> RunState:
        engine = self._engine
        random = generator(fold_in(engine.seed, "chains"))
        usable = np.flatnonzero(np.isfinite(particles.log_prob))
        chosen = random.permutation(usable)
        if len(chosen) < engine.num_chains:
            chosen = random.choice(usable, size=engine.num_chains)
        chosen = chosen[: engine.num_chains]
        x, log_prob = particles.x, particles.log_prob
        self._carrier.fill_reservoir(particles.inverse_temperature)
        engine.learner.begin()
        num_levels = state.unit - 1
        notes = [f"log evidence on the way: {particles.log_evidence:.3f}"]
        if self._annealer.num_maxima:
            notes.append(
                "temperatures were left for descents, as all jumps were refused: "
                f"{self._annealer.num_maxima} maxima found"
            )
        if particles.inverse_temperature < 1.0:
            notes.append(f"stopped at {num_levels} temperatures, before the target")
        record = WindowRecord(
            name="anneal",
            model=engine.learner.model.name,
            num_steps=num_levels,
            acceptance=particles.known_acceptance,
            settings={
                "levels": num_levels,
                "particles": len(x),
                "inverse_temperature": particles.inverse_temperature,
                "first_draws": state.scalars["first_draws"],
                "maxima": self._annealer.num_maxima,
            },
            notes=tuple(notes),
        )
        return self._begin_warmup(state, x[chosen], log_prob[chosen], record)

    def _start_from_positions(self, state: RunState) -> RunState:
        engine = self._engine
        x, log_prob = positions_from(
            self._initial,
            engine.space,
            num_chains=engine.num_chains,
            seed=fold_in(engine.seed, "chains"),
        )
        engine.learner.replay.add(x, log_prob=log_prob)
        record = WindowRecord(name=GIVEN, model="none", num_steps=0)
        return self._begin_warmup(state, x, log_prob, record)

    def _begin_warmup(self, state, position, log_prob, record) -> RunState:
        engine = self._engine
        if self._initial is not None:
            engine.learner.fit_affine()
        step_size = first_step_size(engine.local_kernel, engine.space.event_size)
        return replace(
            state,
            phase="warmup",
            unit=0,
            position=position,
            log_prob=log_prob,
            scalars={"step_size": step_size, "num_adapted": 0},
            learned=engine.learner.to_arrays(),
            history=(*state.history, record),
        )
