"""An annealing as units of work: one temperature a call, between states on disk."""

__all__ = ["Carrier"]

from dataclasses import replace

from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.annealing import ANY_ROOM, Annealer
from flowmc.sampling.budget import Room
from flowmc.sampling.engine import Engine
from flowmc.sampling.particles import Particles
from flowmc.sampling.parts import part_of
from flowmc.sampling.recycled import pooled
from flowmc.sampling.state import RunState


class Carrier:
    """Carries particles from the reference to the target.

    Args:
        engine: The run's machinery.
        num_particles: Size of the cloud, a multiple of the chains.

    Attributes:
        annealer: What does a temperature's work.
    """

    def __init__(self, engine: Engine, *, num_particles: int) -> None:
        self._engine = engine
        self.annealer = Annealer(
            engine, num_particles=num_particles, seed=fold_in(engine.seed, "anneal")
        )

    def advance(
        self, state: RunState, *, room: Room = ANY_ROOM
    ) -> tuple[RunState, Particles, bool]:
        """Carry the particles on by one temperature.

        Args:
            state: The run so far; its unit is the number of the temperature.
            room: Evaluations that are left for it.

        Returns:
            The next state, the cloud, and whether there was room for anything.
        """
        level = state.unit
        if level == 0:
            particles, is_moved = self.annealer.start(room=room), True
        else:
            last = self.restore(state)
            found = self.annealer.advance(last, level=level, room=room)
            particles, is_moved = found or last, found is not None
        return self.store(state, particles, unit=level + is_moved), particles, is_moved

    def store(self, state: RunState, particles: Particles, *, unit: int) -> RunState:
        """Return the state with the cloud and all that was learned."""
        parts = {
            "ladder": self.annealer.ladder.to_arrays(),
            "recycled": self.annealer.recycled.to_arrays(),
        }
        named = {
            f"{part}/{name}": array
            for part, arrays in parts.items()
            for name, array in arrays.items()
        }
        before = state.scalars.get("first_draws", 0)
        return replace(
            state,
            unit=unit,
            position=particles.x,
            log_prob=particles.log_prob,
            scalars={
                **state.scalars,
                "inverse_temperature": particles.inverse_temperature,
                "step_size": particles.step_size,
                "log_evidence": particles.log_evidence,
                **particles.acceptance,
                "num_dead": particles.num_dead,
                "first_draws": max(self.annealer.num_first, before),
            },
            learned={**self._engine.learner.to_arrays(), **named},
        )

    def restore(self, state: RunState) -> Particles:
        """Return the cloud of a state, and put its ladder in place."""
        scalars = state.scalars
        self.annealer.ladder.from_arrays(part_of(state.learned, "ladder"))
        self.annealer.recycled.from_arrays(part_of(state.learned, "recycled"))
        return Particles(
            x=state.position,
            log_prob=state.log_prob,
            inverse_temperature=scalars["inverse_temperature"],
            step_size=scalars["step_size"],
            log_evidence=scalars["log_evidence"],
            acceptance={name: scalars[name] for name in ("local", "jump")},
            num_dead=int(scalars.get("num_dead", 0)),
        )

    def fill_reservoir(self, b: float, *, label: str = "reservoir") -> None:
        """Give what is known of the density at `b` to the learner.

        Args:
            b: Inverse temperature.
            label: Of the random numbers that choose.
        """
        replay, annealer = self._engine.learner.replay, self.annealer
        random = generator(fold_in(self._engine.seed, label))
        known = pooled(annealer.ladder, annealer.recycled, b)
        count = min(replay.capacity // 2, len(known.x))
        x, log_prob, _ = known.resample(count, random=random, is_truncated=True)
        replay.clear()
        replay.add(x, log_prob=log_prob)
