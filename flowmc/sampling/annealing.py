"""Annealed start: particles carried from the reference to the target.

Chains that start where they happen to be dropped find one mode, or none.  Here draws of
the reference are reweighted, resampled and moved at rising inverse temperature `b`, by
the sweeps that later sample the target itself: local steps in the base space of the
best map so far, and jumps from it.  From one temperature to the next the density
changes little, so a map that fits the one proposes well for the other; the chains reach
the target together with a map of all of it.
"""

__all__ = ["Annealer"]

from typing import Any

import numpy as np

from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.budget import Room
from flowmc.sampling.costs import tempered_cost
from flowmc.sampling.descent import descend
from flowmc.sampling.engine import Engine
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.initial import no_density
from flowmc.sampling.ladder import Ladder
from flowmc.sampling.particles import Particles, correlation
from flowmc.sampling.recycled import Recycled, WeightedRows, pooled
from flowmc.sampling.step_sizes import adapt_step_size
from flowmc.sampling.tempered import Moves, run_tempered
from flowmc.sampling.tempering import temper, untemper

POOR_JUMPS = 0.4  # acceptance below which the network is tried
MIXED = 0.5  # correlation with the particles' first places that is low enough
MOST_BATCHES = 20  # of first draws, where few have any density
DEAD_JUMPS = 0.02  # acceptance below which nothing carries particles far
MOST_COUNTED = 2  # changes of a step size: their gain falls no further
MOST_DEAD = 6  # temperatures with dead jumps in succession
MOST_AHEAD = 20  # temperatures still to come, at which they are left for descents
ANY_ROOM = Room()


class Annealer:
    """Moves particles from the reference to the target, one temperature a call.

    Args:
        engine: The run's machinery; its learner follows the particles.
        num_particles: Size of the cloud, a multiple of the chains.
        seed: Seed of the whole start.

    Attributes:
        ladder: All that was visited.
        recycled: All that was proposed, where the settings say so.
        num_first: First draws that had any density, 0 before the start.
        num_maxima: Maxima found by descents, 0 if there were none.
    """

    def __init__(self, engine: Engine, *, num_particles: int, seed: Any) -> None:
        self._engine = engine
        self._space = engine.space
        self._num_particles = num_particles
        self._settings, self._seed = engine.schedule.anneal, seed
        self.ladder = Ladder(engine.space.event_size)
        self.recycled = Recycled(engine.space.event_size)
        self.num_first = self.num_maxima = 0

    def start(self, *, room: Room = ANY_ROOM) -> Particles:
        """Draw the first cloud, of at least as many as there are chains.

        Args:
            room: Evaluations that are left.

        Raises:
            InitialPositionError: No draw of the reference has positive density.
        """
        wanted = self._settings.first_draws * self._num_particles
        wanted = int(min(wanted, max(self._engine.num_chains, room.least)))
        random = generator(fold_in(self._seed, "start"))
        x = self._space.sample_reference(wanted, random=random)
        log_prob = self._space.log_prob(x)
        for _ in range(MOST_BATCHES):
            # A narrow support must not be stood for by a handful of points.
            is_enough = np.isfinite(log_prob).sum() >= self._num_particles
            if is_enough or not room.takes(wanted, spent=len(x)):
                break
            more = self._space.sample_reference(wanted, random=random)
            x = np.concatenate([x, more])
            log_prob = np.concatenate([log_prob, self._space.log_prob(more)])
        if not np.isfinite(log_prob).any():
            raise no_density(self._space, x)
        log_reference = self._space.log_reference(x)
        self.ladder.add(x, log_prob, log_reference, b=0.0, log_evidence=0.0)
        rates = {"local": np.nan, "jump": np.nan}
        self.num_first = int(np.isfinite(log_prob).sum())
        first = self._engine.first_annealing_step
        return Particles(x, log_prob, 0.0, first, 0.0, rates)

    def advance(
        self, particles: Particles, *, level: int, room: Room = ANY_ROOM
    ) -> Particles | None:
        """Raise the temperature once: reweight, learn, resample, move.

        Args:
            particles: At the last temperature.
            level: Number of this one.
            room: Evaluations that are left: they bound particles and sweeps.

        Returns:
            The cloud, or None if there is no room for a sweep of the least one.
        """
        before = self._spent()
        if self._is_hopeless(particles):
            found = self._descend(particles, room, level=level)
            if found is not None:
                return found
            particles = particles._replace(num_dead=0)  # not again for a while
        each = tempered_cost(self._engine, step_size=particles.step_size)
        count = self._affordable(each, room, self._spent() - before)
        if count == 0:
            return None
        fraction = self._settings.ess_fraction
        b = self.ladder.next_temperature(fraction=fraction)
        known = pooled(self.ladder, self.recycled, b)
        log_evidence = known.log_evidence
        self._learn(known, b, level=level, acceptance=particles.acceptance["jump"])
        random = generator(fold_in(self._seed, "resample", level))
        x, log_prob, reference = known.resample(count, random=random)
        begun, step_size = x, particles.step_size
        tempered = temper(log_prob, reference, b)
        for round_ in range(self._settings.max_sweeps):
            moves = run_tempered(
                self._engine,
                x,
                tempered,
                inverse_temperature=b,
                step_size=step_size,
                seed=fold_in(self._seed, "move", level, round_),
            )
            self.record(moves, b=b, log_evidence=log_evidence, is_new=round_ == 0)
            x, tempered = moves.position[-1], moves.tempered[-1]
            step_size = self.adapted(step_size, moves, level + round_)
            is_last = not room.takes(each * count, spent=self._spent() - before)
            if is_last or correlation(begun, x) < MIXED:
                break
        log_prob = untemper(tempered, self._space.log_reference(x), b)
        rates = {"local": moves.local_acceptance, "jump": moves.jump_acceptance}
        is_dead = moves.jump_acceptance < DEAD_JUMPS
        num_dead = particles.num_dead + 1 if is_dead else 0
        return Particles(x, log_prob, b, step_size, log_evidence, rates, num_dead)

    def _affordable(self, each: int, room: Room, spent: int) -> int:
        """Return how many particles a sweep can be paid for, 0 if too few."""
        batch = min(self._engine.num_chains, self._num_particles)
        room = room._replace(most=room.most - spent)
        return batch * room.whole(self._num_particles // batch, cost=batch * each)

    def _spent(self) -> int:
        target = self._space.target
        return target.num_evaluations + target.num_gradients

    def _is_hopeless(self, particles: Particles) -> bool:
        """Whether the way is long, and nothing but the local steps goes along it."""
        if not self._space.target.has_gradient or particles.num_dead < MOST_DEAD:
            return False
        return self.ladder.levels_ahead() > MOST_AHEAD

    def _descend(
        self, particles: Particles, room: Room, *, level: int
    ) -> Particles | None:
        """Leave the temperatures: come down from many places at once."""
        found = descend(
            self._space,
            self._num_particles,
            seed=fold_in(self._seed, "descend", level),
            max_gradients=self._settings.max_descent,
            most=room.least,
        )
        if found is None:
            return None
        self.num_maxima = found.num_maxima
        self.ladder = Ladder(self._space.event_size)
        reference = self._space.log_reference(found.x)
        rows = found.x, found.log_prob, reference
        self.ladder.add(*rows, b=1.0, log_evidence=found.log_evidence)
        learner = self._engine.learner
        learner.restart()
        learner.let_rule("affine")
        learner.replay.clear()
        learner.replay.add(found.x, log_prob=found.log_prob)
        learner.fit_affine()
        kept = slice(None, self._num_particles)  # rows are in no order
        return particles._replace(
            x=found.x[kept],
            log_prob=found.log_prob[kept],
            inverse_temperature=1.0,
            log_evidence=found.log_evidence,
        )

    def _learn(
        self, known: WeightedRows, b: float, *, level: int, acceptance: float
    ) -> None:
        """Fit the maps to what is known of the density at `b`."""
        learner = self._engine.learner
        random = generator(fold_in(self._seed, "learn", level))
        count = min(learner.replay.capacity // 2, len(known.x))
        x, log_prob, reference = known.resample(count, random=random, is_truncated=True)
        learner.replay.clear()
        learner.replay.add(x, log_prob=temper(log_prob, reference, b))
        learner.follow(level=level, is_poor=not acceptance > POOR_JUMPS and level > 1)
        learner.keep_warm(b)

    def record(self, moves: Moves, *, b, log_evidence, is_new) -> None:
        """Enter what sweeps visited at `b` into the ladder."""
        num_states = len(moves.position)
        kept = np.linspace(
            num_states - 1, 0, self._settings.rows_per_sweep, endpoint=False
        )
        kept = np.unique(np.round(kept).astype(int))
        x = moves.position[kept].reshape(-1, self._space.event_size)
        reference = self._space.log_reference(x)
        log_prob = untemper(moves.tempered[kept].reshape(-1), reference, b)
        self.ladder.add(
            x, log_prob, reference, b=b, log_evidence=log_evidence, is_new=is_new
        )
        if self._settings.recycles:
            self._recycle(moves, b)

    def _recycle(self, moves: Moves, b: float) -> None:
        """Keep what was proposed, from the map still in force."""
        x = moves.proposal.reshape(-1, self._space.event_size)
        (log_q,) = in_batches(self._engine.learner.proposal.log_prob, x)
        reference = self._space.log_reference(x)
        tempered = moves.proposal_log_weight.reshape(-1) + log_q
        self.recycled.add(x, untemper(tempered, reference, b), reference, log_q)

    def adapted(self, step_size: float, moves: Moves, count: int) -> float:
        """Return the step size for the next sweeps."""
        kernel = self._engine.annealing_kernel
        if not hasattr(kernel, "step_size"):
            return step_size
        return adapt_step_size(
            step_size,
            moves.local_acceptance,
            target=kernel.target_acceptance,
            count=min(count, MOST_COUNTED),
            largest=getattr(kernel, "max_step_size", np.inf),
        )
