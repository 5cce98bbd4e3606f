"""The second group: a cheap annealing of its own, with maps of its own.

Half-way through warm-up a few particles are carried from the reference to the target
once more, by other random numbers, and learn on the way without knowing the chains.
Then each group's map is asked about the other's draws.  What the chains had missed is
taken over: into their reservoir, and by half of the chains.
"""

__all__ = ["ScoutPhase"]

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from flowmc.core.errors import InitialPositionError
from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.annealing import ANY_ROOM, Annealer
from flowmc.sampling.budget import Room
from flowmc.sampling.conclusion import GIVEN
from flowmc.sampling.engine import NEWER_COUNT, Engine
from flowmc.sampling.groups import UNSEEN_LIMIT, unseen_share
from flowmc.sampling.particles import Particles, num_particles
from flowmc.sampling.parts import part_of
from flowmc.sampling.state import RunState, spend

LOWEST = 1e-3  # quantile of the group's log-densities that a draw is to reach
STAYING = 0.25  # of the chains, where the others go on from the group's draws


class ScoutPhase:
    """Carries the second group one temperature a call, then compares.

    Args:
        engine: The run's machinery; its learner is lent to the second group.
        name: Of its random numbers.
        is_small: One particle for each chain; else as many as a start has.

    Attributes:
        num_particles: Size of its cloud.
    """

    def __init__(self, engine: Engine, *, name: str, is_small: bool) -> None:
        self._engine, self._seed = engine, fold_in(engine.seed, name)
        each = 1 if is_small else engine.schedule.anneal.particles_per_chain
        self.num_particles = num_particles(engine, per_chain=each, is_small=is_small)
        self._annealer = Annealer(
            engine, num_particles=self.num_particles, seed=self._seed
        )

    def advance(
        self, state: RunState, *, is_last: bool = False, room: Room = ANY_ROOM
    ) -> RunState:
        """Do one unit of work; the last one returns to the warm-up.

        Args:
            state: The run so far.
            is_last: End with this unit, wherever the second group is.
            room: Evaluations that are left for it; it ends where they do.
        """
        engine = self._engine
        started, before = time.perf_counter(), engine.seconds
        stored = state.scout
        engine.learner.from_arrays(part_of(stored, "learner") or engine.blank)
        if not stored:
            try:
                particles, is_moved = self._annealer.start(room=room), True
            except InitialPositionError as error:
                engine.learner.from_arrays(state.learned)
                return _given_up(state, error)
        else:
            self._annealer.ladder.from_arrays(part_of(stored, "ladder"))
            last = _particles(stored)
            found = self._annealer.advance(last, level=state.unit, room=room)
            particles, is_moved = found or last, found is not None
        state = replace(
            state,
            unit=state.unit + is_moved,
            scout=self._stored(particles, engine.learner),
        )
        is_last |= state.unit > engine.schedule.anneal.max_levels or not is_moved
        if particles.inverse_temperature >= 1.0 or is_last:
            state = self._compare(state, particles)
        else:
            engine.learner.from_arrays(state.learned)
        return spend(state, started, engine.seconds - before)

    def _stored(self, particles: Particles, learner: Any) -> dict[str, np.ndarray]:
        scalars = [
            particles.inverse_temperature,
            particles.step_size,
            particles.log_evidence,
            *(particles.acceptance[name] for name in ("local", "jump")),
            particles.num_dead,
        ]
        parts = {"learner": learner.to_arrays(), "ladder": self._ladder()}
        flat = {f"{k}/{n}": a for k, arrays in parts.items() for n, a in arrays.items()}
        own = {"x": particles.x, "log_prob": particles.log_prob}
        return {**own, "scalars": np.array(scalars), **flat}

    def _ladder(self) -> dict[str, np.ndarray]:
        return self._annealer.ladder.to_arrays()

    def _compare(self, state: RunState, particles: Particles) -> RunState:
        """Ask each group's map about the other's draws; take over what was missed."""
        engine, b = self._engine, particles.inverse_temperature
        random = generator(fold_in(self._seed, "draws"))
        count = min(len(self._annealer.ladder), engine.learner.replay.capacity // 2)
        x, log_prob, _ = self._annealer.ladder.resample(b, count, random=random)
        name = engine.learner.model.name
        modes = {
            "scout_particles": len(particles.x),
            "scout_temperatures": state.unit - 1,
            "scout_inverse_temperature": float(b),
            "scout_maxima": self._annealer.num_maxima,
            **self._scores(state, x, log_prob, reached=b >= 1.0),
        }
        record = WindowRecord(
            name="second group",
            model=name,
            num_steps=state.unit - 1,
            acceptance=particles.known_acceptance,
            settings={k: v for k, v in modes.items() if isinstance(v, float)},
            notes=(_told(modes, reached=b >= 1.0),),
        )
        scout = {**state.scout, "draws": x, "draws_log_prob": log_prob}
        # What the chains knew by themselves: later their draws contain the group's.
        scout["chains_draws"] = _likely(state, log_prob)
        kept = {k: a for k, a in scout.items() if not k.startswith("ladder/")}
        state = replace(
            state,
            phase="warmup",
            unit=0,
            scout=kept,
            modes=_known(state.modes, modes),
            history=(*state.history, record),
        )
        if modes["replaced"]:
            return self._replace_most(state, x, log_prob)
        return self._adopt(state, x, log_prob) if modes["adopted"] else state

    def _scores(self, state: RunState, x, log_prob, *, reached: bool) -> dict:
        """Say what each group has not seen of the other, and what follows.

        The learner is the second group's before, and the chains' after.
        """
        learner, main_draws = self._engine.learner, state.learned["replay/x"]
        likely = _likely(state, log_prob)
        by_scout = unseen_share(learner.density, own=x, other=likely)
        learner.from_arrays(state.learned)
        by_main = unseen_share(learner.density, own=main_draws, other=x)
        # Chains put in one place know little else; if the group has seen that too, its
        # draws and its map are the better ones altogether.
        is_first = state.history[0].name == GIVEN and not state.modes
        replaced = reached and is_first and by_scout <= UNSEEN_LIMIT
        adopted = reached and (is_first or by_main > UNSEEN_LIMIT)
        found = {"unseen_by_main": by_main, "unseen_by_scout": by_scout}
        return {**found, "adopted": adopted, "replaced": replaced}

    def _replace_most(self, state: RunState, x, log_prob) -> RunState:
        """Go on as if the chains had begun with the second group, but for a few.

        A broad map sees narrow modes that the group never met: who is there, stays.
        """
        learner = self._engine.learner
        learner.from_arrays(part_of(state.scout, "learner"))
        learner.replay.clear()
        weights = np.full(len(x), NEWER_COUNT ** (1 + state.window))
        learner.replay.add(x, log_prob=log_prob, weights=weights)
        state = self._moved(state, x, log_prob, share=1.0 - STAYING)
        return replace(state, learned=learner.to_arrays())

    def _moved(self, state: RunState, x, log_prob, *, share: float) -> RunState:
        """Move a share of the chains to rows of the second group."""
        num_chains = self._engine.num_chains
        random = generator(fold_in(self._seed, "adopt"))
        usable = np.flatnonzero(np.isfinite(log_prob))
        chains = random.permutation(num_chains)[: int(share * num_chains)]
        rows = random.choice(usable, size=len(chains))
        position, values = state.position.copy(), state.log_prob.copy()
        position[chains], values[chains] = x[rows], log_prob[rows]
        return replace(state, position=position, log_prob=values)

    def _adopt(self, state: RunState, x, log_prob) -> RunState:
        """Give the second group's draws to the chains and to their reservoir."""
        engine, learner = self._engine, self._engine.learner
        weights = np.full(len(x), NEWER_COUNT ** (1 + state.window))
        learner.replay.add(x, log_prob=log_prob, weights=weights)
        state = self._moved(state, x, log_prob, share=0.5)
        learner.restart()
        learner.refit(window=1000 + state.window, progress=engine.progress)
        return replace(state, learned=learner.to_arrays())


def _likely(state: RunState, log_prob: np.ndarray) -> np.ndarray:
    """Return the chains' draws that are as likely as the group's.

    Chains on their way in pass places where no draw of the target would be.
    """
    is_likely = state.learned["replay/log_prob"] >= np.quantile(log_prob, LOWEST)
    return state.learned["replay/x"][is_likely]


def _known(before: Mapping[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return what both looks together say, if this is the second one."""
    if not before.get("replaced"):
        return now
    if now["scout_inverse_temperature"] < 1.0:
        return dict(before)
    return {**now, "replaced": True, "confirmed": True}


def _given_up(state: RunState, error: InitialPositionError) -> RunState:
    """Return to the warm-up: the reference never meets the target's support."""
    note = f"not sent: {str(error).split('. ')[0]}"
    record = WindowRecord("second group", "none", 0, notes=(note,))
    return replace(
        state,
        phase="warmup",
        unit=0,
        scout={"x": np.empty((0, 0))},
        modes={"scout_inverse_temperature": 0.0, "adopted": False},
        history=(*state.history, record),
    )


def _told(modes: Mapping[str, Any], *, reached: bool) -> str:
    if not reached:
        return "stopped before the target: no modes were looked for"
    share = f"{modes['unseen_by_main']:.1%} of its draws were unseen by the chains' map"
    if modes["replaced"]:
        return f"{share}, and all of theirs seen: the chains go on from its draws"
    return share + (": taken over" if modes["adopted"] else "")


def _particles(stored: Mapping[str, np.ndarray]) -> Particles:
    b, step_size, log_evidence, local, jump, *dead = map(float, stored["scalars"])
    rates = {"local": local, "jump": jump}
    rows = stored["x"], stored["log_prob"]
    return Particles(*rows, b, step_size, log_evidence, rates, int(sum(dead)))
