"""At the target: a few sweeps and fits, for as long as they pay for themselves.

Every jump of a sweep is scored, so the worth of the map in force (effective draws for
each proposal) is measured for nothing.  A window of sweeps is paid for by the proposals
that a better map saves afterwards.
"""

__all__ = ["begin", "is_worth_more", "refine"]

import math
from dataclasses import replace

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.budget import Room
from flowmc.sampling.carrier import Carrier
from flowmc.sampling.costs import tempered_cost
from flowmc.sampling.engine import Engine
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.particles import Particles
from flowmc.sampling.smc_refresh import refreshed
from flowmc.sampling.state import DrawChunk, RunState
from flowmc.sampling.sweep import JUMP, LOCAL
from flowmc.sampling.temper import effective_sample_size
from flowmc.sampling.tempered import Moves, run_tempered

SWEEPS = 2  # of a window
MOST_WINDOWS = 6
LEAST_HOPED = 1.2  # times the efficiency, after another window
BEST = 0.9  # effective draws for each proposal that no map exceeds
FIT_ALONE = 0.8  # efficiency from which one network does


def begin(engine: Engine, carrier: Carrier, state: RunState) -> RunState:
    """Fit the maps to all that is known of the target on arrival: no evaluation."""
    particles = carrier.restore(state)
    notes = _refit(engine, carrier, state, particles.inverse_temperature)
    state = carrier.store(replace(state, phase="refine"), particles, unit=0)
    return replace(state, history=(*state.history, notes))


def refine(
    engine: Engine, carrier: Carrier, state: RunState, *, wanted: float, room: Room
) -> RunState:
    """Run one window of sweeps and fit again; the last one freezes the map.

    Args:
        engine: The run's machinery.
        carrier: Holds the ladder.
        state: In the phase "refine", or on arrival.
        wanted: Effective draws that are to be made afterwards.
        room: Evaluations that are left for it.
    """
    particles = carrier.restore(state)
    each = len(particles.x) * tempered_cost(engine, step_size=particles.step_size)
    count = room.whole(SWEEPS, cost=each) if room.takes(each) else 0
    if count == 0:
        note = WindowRecord("refine ended", "none", 0, notes=("no budget for sweeps",))
        return freeze(engine, replace(state, history=(*state.history, note)))
    number = state.unit
    rules = engine.learner.model.name
    particles, swept = _sweep(engine, carrier, particles, number=number, count=count)
    log_weight = np.concatenate([m.proposal_log_weight.ravel() for m in swept])
    efficiency = effective_sample_size(log_weight) / len(log_weight)
    before = state.scalars.get("efficiency", 0.0)
    num_jumps = engine.schedule.jump_states
    chunk = _chunk(swept, window=len(state.history), num_jumps=num_jumps)
    is_misled = _is_misled(engine, chunk)
    fitted = _refit(engine, carrier, state, 1.0, is_misled=is_misled)
    record = replace(
        fitted,
        name=f"refine {number + 1}",
        model=rules,
        num_steps=len(chunk.position),
        acceptance=particles.known_acceptance,
        settings={
            "step_size": particles.step_size,
            "efficiency": efficiency,
            "log_evidence": _log_evidence(log_weight),
        },
    )
    state = replace(
        state,
        scalars={**state.scalars, "efficiency": efficiency},
        warmup=(*state.warmup, chunk),
        history=(*state.history, record),
    )
    state = carrier.store(state, particles, unit=number + 1)
    cost = count * each
    goes_on = is_worth_more(efficiency, before, wanted=wanted, cost=cost)
    if goes_on and number + 1 < MOST_WINDOWS and room.takes(cost, spent=cost):
        return state
    return freeze(engine, state)


def is_worth_more(now: float, before: float, *, wanted: float, cost: float) -> bool:
    """Whether another window is likely to save more proposals than it costs.

    The next fit is hoped to gain as much as the last one, and a fifth at least; after
    the first window nothing is known, and twice the efficiency is hoped for.

    Args:
        now: Effective draws for each proposal in the last window.
        before: In the one before, 0 if there was none.
        wanted: Effective draws still to be made.
        cost: Evaluations of a window.
    """
    if not now > 0.0:
        return True
    gain = min(2.0, max(LEAST_HOPED, now / before)) if before > 0.0 else 2.0
    hoped = min(max(BEST, now), gain * now)
    return wanted / now - wanted / hoped > cost


def freeze(engine: Engine, state: RunState) -> RunState:
    """End learning, with further networks where one falls short: no weight changes."""
    state = _convene(engine, state)
    learned = {**state.learned, **engine.learner.to_arrays()}
    scalars = {**state.scalars, "windows": state.unit}
    return replace(state, phase="draw", unit=0, learned=learned, scalars=scalars)


def _convene(engine: Engine, state: RunState) -> RunState:
    """Fit further networks for the final proposal, where the first one falls short."""
    count = engine.schedule.num_networks
    if count < 2 or state.scalars.get("efficiency", 0.0) >= FIT_ALONE:
        return state
    window, before = len(state.history), engine.learner.train_seconds
    note = engine.learner.convene(count, window=window, progress=engine.progress)
    if not note:
        return state
    record = WindowRecord(
        name="further networks",
        model=engine.learner.model.name,
        num_steps=0,
        settings={"seconds": engine.learner.train_seconds - before},
        notes=(note,),
    )
    return replace(state, history=(*state.history, record))


def _sweep(
    engine: Engine, carrier: Carrier, particles: Particles, *, number: int, count: int
) -> tuple[Particles, list[Moves]]:
    """Move the particles at the target; every state enters the ladder."""
    annealer, swept, step_size = carrier.annealer, [], particles.step_size
    random = generator(fold_in(engine.seed, "refresh", number))
    x, log_prob = refreshed(engine, annealer.recycled, particles, random=random)
    for index in range(count):
        moves = run_tempered(
            engine,
            x,
            log_prob,
            inverse_temperature=1.0,
            step_size=step_size,
            seed=fold_in(engine.seed, "refine", number, index),
        )
        evidence = particles.log_evidence
        is_new = index == 0
        annealer.record(moves, b=1.0, log_evidence=evidence, is_new=is_new)
        step_size = annealer.adapted(step_size, moves, 4 + number)
        x, log_prob = moves.position[-1], moves.tempered[-1]
        swept.append(moves)
    rates = {"local": moves.local_acceptance, "jump": moves.jump_acceptance}
    moved = particles._replace(
        x=x, log_prob=log_prob, step_size=step_size, acceptance=rates
    )
    return moved, swept


def _refit(
    engine: Engine,
    carrier: Carrier,
    state: RunState,
    b: float,
    *,
    is_misled: bool = False,
) -> WindowRecord:
    """Fit to what the ladder knows of `b`; return the fit as a window of no steps."""
    learner, number = engine.learner, len(state.history)
    carrier.fill_reservoir(b, label=f"reservoir {number}")
    training, notes = learner.refit(window=number, progress=engine.progress, anew=True)
    if is_misled and learner.rules == "network":
        learner.let_rule("affine")
        notes.append(f"the last window's proposals liked {learner.affine_name} better")
    return WindowRecord(
        name="arrival",
        model=learner.model.name,
        num_steps=0,
        notes=tuple(notes),
        training=training,
    )


def _is_misled(engine: Engine, fresh: DrawChunk) -> bool:
    """Whether proposals that no map has seen like the clusters better than the network.

    States of chains that are held out of a fit have near copies among those in it.
    """
    proposals = engine.learner.proposals
    inside = np.isfinite(fresh.proposal_log_weight)
    if not inside.any():
        return False
    x, log_weight = fresh.proposal[inside], fresh.proposal_log_weight[inside]
    weight = np.exp(log_weight - log_weight.max())
    score = {
        name: np.average(in_batches(proposals[name].log_prob, x)[0], weights=weight)
        for name in ("affine", "network")
    }
    return bool(score["affine"] > score["network"])


def _chunk(swept: list[Moves], *, window: int, num_jumps: int) -> DrawChunk:
    position = np.concatenate([m.position for m in swept])
    num_rows = len(position)
    num_local = num_rows // len(swept) - num_jumps
    kernel = np.tile([LOCAL] * num_local + [JUMP] * num_jumps, len(swept))
    return DrawChunk(
        position=position,
        log_prob=np.concatenate([m.tempered for m in swept]),
        is_accepted=np.concatenate([m.is_accepted for m in swept]),
        kernel=kernel,
        window=np.full(num_rows, window),
        proposal=np.concatenate([m.proposal for m in swept]).reshape(
            -1, position.shape[-1]
        ),
        proposal_log_weight=np.concatenate(
            [m.proposal_log_weight.ravel() for m in swept]
        ),
    )


def _log_evidence(log_weight: np.ndarray) -> float:
    finite = log_weight[np.isfinite(log_weight)]
    if not len(finite):
        return -math.inf
    return float(np.logaddexp.reduce(finite) - math.log(len(log_weight)))
