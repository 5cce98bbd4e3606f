"""The pilot by clocks: how long a local step takes beside a jump, measured once.

An option.  Warm-up goes by counts in any case; when it ends, blocks that differ only in
their number of local steps are timed, with the maps that production will use.  What the
clocks say enters the run as one integer, the local steps of a sweep.  It is part of the
stored state: a resumed run makes the draws of the run that measured.
"""

__all__ = ["choose_by_seconds"]

import time
from dataclasses import replace
from typing import Any

from flowmc.core.seeds import fold_in
from flowmc.sampling.engine import Engine
from flowmc.sampling.pilot import local_steps
from flowmc.sampling.state import RunState

REPEATS, SWEEPS = 3, 2  # the fastest block of each kind counts
LIMITS = (1e-3, 1e3)  # of the ratio: a clock may find no difference at all


def choose_by_seconds(
    engine: Engine, state: RunState, *, room: float = float("inf")
) -> RunState:
    """Choose the number of local steps by seconds, at the end of warm-up.

    The chains do not move; what was evaluated is counted.

    Args:
        engine: Its maps are those of production.
        state: Frozen, with the pilot's figures; without any it comes back as it was.
        room: Evaluations that timing may take; where they are too few, the counts'
            choice stays, and its reason says so.

    Returns:
        The state with choice and reason.

    Raises:
        LogProbError: The target failed.
    """
    if not state.pilot:
        return state
    most = engine.block()[0].num_local
    kinds = [_with(state, 1), _with(state, most)]
    cost = SWEEPS * sum(engine.sweep_cost(kind) for kind in kinds)
    repeats = int(min(REPEATS * cost, room) // cost)
    if repeats < 1:
        return _told(
            state,
            f"seconds were to decide, but timing takes {cost:,} evaluations and "
            f"{max(0, int(room)):,} are left: counts did",
        )
    fastest = [float("inf")] * len(kinds)
    for repeat in range(repeats):
        for index, kind in enumerate(kinds):
            seed = fold_in(engine.seed, "clock", repeat)
            seconds, state = _time(engine, state, kind, seed)
            fastest[index] = min(fastest[index], seconds)
    return _chosen(engine, state, *fastest, most=most)


def _time(engine: Engine, state: RunState, kind: RunState, seed: Any) -> tuple:
    """Return the seconds of a block, without compilation, and the state's ledger."""
    count = min(SWEEPS, engine.block()[1].capacity)
    kind = replace(kind, seconds=state.seconds)
    started, compiled = time.perf_counter(), engine.seconds[0]
    block, kind = engine.run_block(kind, count=count, seed=seed)
    elapsed = time.perf_counter() - started - (engine.seconds[0] - compiled)
    if block.error is not None:
        raise block.error
    return elapsed / count, replace(state, seconds=kind.seconds)


def _chosen(
    engine: Engine, state: RunState, short: float, long: float, *, most: int
) -> RunState:
    """Return the state with the choice that two times of a sweep lead to."""
    pilot, num_jumps = state.pilot, engine.schedule.num_jumps
    step = max((long - short) / max(most - 1, 1), 1e-12)
    jump = max((short - step) / num_jumps, 1e-12)
    ratio = float(f"{min(max(step / jump, LIMITS[0]), LIMITS[1]):.2g}")
    num_local = local_steps(
        pilot["local_worth"],
        pilot["jump_worth"],
        cost=ratio,
        num_jumps=num_jumps,
        most_local=most,
    )
    reason = (
        f"seconds decided: a local step takes {ratio:g} times as long as a jump here, "
        f"and is worth {pilot['local_worth']:.3f} draws, a jump "
        f"{pilot['jump_worth']:.3f}"
    )
    state = replace(state, pilot={**pilot, "seconds_per_jump": ratio})
    return _told(_with(state, num_local), reason)


def _with(state: RunState, num_local: int) -> RunState:
    return replace(state, scalars={**state.scalars, "num_local": num_local})


def _told(state: RunState, reason: str) -> RunState:
    """Return the state with its number of local steps and a reason in the pilot."""
    num_local = int(state.scalars["num_local"])
    reasons = {**state.pilot["reasons"], "num_local": f"{num_local}: {reason}"}
    pilot = {**state.pilot, "num_local": num_local, "reasons": reasons}
    return replace(state, pilot=pilot)
