"""Warm-up windows: sweeps with the map in force, step-size adaptation, then a refit.

Everything adapts here and nothing after: the draws are kept apart and marked.
"""

__all__ = [
    "CUT_SHORT",
    "acceptance_by_kernel",
    "collect",
    "freeze",
    "warm_up",
]

import logging
import time
from dataclasses import replace

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in
from flowmc.sampling.conclusion import conclude, half_way, scout_window
from flowmc.sampling.engine import Engine
from flowmc.sampling.local_kernels import first_step_size, tuned_part
from flowmc.sampling.pilot import measure
from flowmc.sampling.settings import Schedule
from flowmc.sampling.state import DrawChunk, RunState, join_chunks
from flowmc.sampling.step_sizes import adapt_step_size, aim, heed_divergences
from flowmc.sampling.sweep import JUMP, LOCAL, Sweep, SweepRecord

KERNEL_NAMES = ("local", "jump")
OTHER_FAMILY = "spline_autoregressive"
POOR_ACCEPTANCE, POOR_SHAPE = 0.3, 0.7  # of jumps, and of the tail of their weights
CUT_SHORT = "warm-up ended early: its share of the budget was used up"
LEAST_PROGRESS = 0.03  # in acceptance, by which one more window is earned
_logger = logging.getLogger(__name__)


def collect(record: SweepRecord, sweep: Sweep, *, window: int) -> DrawChunk:
    """Lay the sweeps of a block end to end: `[sweeps, S, ...] -> [sweeps * S, ...]`."""
    num_sweeps, num_draws, num_chains, size = record.position.shape
    rows = num_sweeps * num_draws
    log_weight = record.proposal_log_weight.reshape(-1)
    return DrawChunk(
        position=record.position.reshape(rows, num_chains, size),
        log_prob=record.log_prob.reshape(rows, num_chains),
        is_accepted=record.is_accepted.reshape(rows, num_chains),
        kernel=np.tile(sweep.kernel_ids(num_draws - sweep.jump.num_steps), num_sweeps),
        window=np.full(rows, window),
        proposal=record.proposal.reshape(-1, size),
        proposal_log_weight=log_weight,
    )


def acceptance_by_kernel(
    chunks: tuple[DrawChunk, ...], window: int
) -> dict[str, float]:
    """Return the mean acceptance of each kernel in one window."""
    rates = {}
    for kernel, name in ((LOCAL, KERNEL_NAMES[LOCAL]), (JUMP, KERNEL_NAMES[JUMP])):
        values = [
            chunk.is_accepted[(chunk.window == window) & (chunk.kernel == kernel)]
            for chunk in chunks
        ]
        joined = np.concatenate(values) if values else np.empty((0, 1))
        if joined.size:
            rates[name] = float(joined.mean())
    return rates


def warm_up(
    engine: Engine, state: RunState, *, is_last: bool = False, most: float = np.inf
) -> RunState:
    """Run a few sweeps, adapt the step size; at a window's end, refit.

    Args:
        engine: The run's machinery.
        state: The run so far.
        is_last: End the window, and the warm-up, with these sweeps.
        most: Sweeps that the budget leaves room for; 0 ends the window with those
            that it has.

    Returns:
        The next state; after the last window it is frozen.
    """
    windows = engine.schedule.windows
    planned = windows[min(state.window, len(windows) - 1)]
    capacity = engine.block()[1].capacity
    step = min(engine.schedule.adapt_every, capacity)
    count = int(min(step, planned - state.unit, most))
    if count == 0:
        return _finish_window(engine, state, is_last=True)
    seed = fold_in(engine.seed, "warmup", state.window)
    block, state = engine.run_block(state, count=count, seed=seed)
    if block.error is not None:
        raise block.error
    engine.remember(block, window=state.window)
    sweep = engine.block()[0]
    chunk = collect(block.record, sweep, window=len(state.history))
    num_adapted = state.scalars["num_adapted"]
    step_size, inner = state.scalars["step_size"], tuned_part(sweep.local)
    if hasattr(inner, "step_size"):
        step_size = adapt_step_size(
            step_size,
            float(np.mean(block.record.local_acceptance)),
            target=aim(state, inner),
            count=num_adapted,
            largest=getattr(inner, "max_step_size", np.inf),
        )
    state = replace(
        state,
        unit=state.unit + count,
        position=block.position,
        log_prob=block.log_prob,
        warmup=(*state.warmup, chunk),
        scalars={
            **state.scalars,
            "step_size": step_size,
            "num_adapted": num_adapted + 1,
        },
        learned=engine.learner.to_arrays(),
    )
    if state.unit < planned and not is_last:
        return state
    return _finish_window(engine, state, is_last=is_last)


def freeze(state: RunState) -> RunState:
    """End warm-up: from here on no weight and no step size changes."""
    return replace(state, phase="produce", unit=0, problems={})


def _finish_window(engine: Engine, state: RunState, *, is_last: bool) -> RunState:
    """Measure, refit on the reservoir, choose the shares, and record the window."""
    started, index = time.perf_counter(), len(state.history)
    before = state.pilot.get("jump_acceptance", np.nan)
    state = _measured(engine, state, index)
    inner = tuned_part(engine.block()[0].local)
    state, heeded = heed_divergences(state, inner, index=index)
    ruled, kernel = engine.learner.model.name, engine.local_kernel
    training, notes = engine.learner.refit(
        window=state.window, progress=engine.progress
    )
    if engine.is_free_to_choose and state.pilot["jump_acceptance"] < POOR_ACCEPTANCE:
        notes += _other_families(engine, state)
    notes += [heeded] if heeded else []
    if is_last:
        notes.append(CUT_SHORT)
    scalars = state.scalars
    if engine.local_kernel != kernel:  # its step size means something else
        notes.append(f"{engine.local_kernel} begins with its first step size")
        first = first_step_size(engine.local_kernel, engine.space.event_size)
        scalars = {**scalars, "step_size": first, "num_adapted": 0}
        scalars.pop("target_acceptance", None)
    record = WindowRecord(
        name=f"warmup {state.window + 1}",
        model=ruled,
        num_steps=sum(int(np.sum(c.window == index)) for c in state.warmup),
        acceptance=acceptance_by_kernel(state.warmup, index),
        settings={name: state.scalars[name] for name in ("step_size", "num_local")},
        notes=tuple(notes),
        training=training,
    )
    state = replace(
        state,
        scalars=scalars,
        learned=engine.learner.to_arrays(),
        history=(*state.history, record),
        window=state.window + 1,
        unit=0,
    ).spend("train", time.perf_counter() - started)
    if is_last or _is_over(engine.schedule, state, before=before):
        state = freeze(conclude(engine, state))
    return state


def _other_families(engine: Engine, state: RunState) -> list[str]:
    """Try what else could fit where the usual family fits poorly, once."""
    has_tried = any(OTHER_FAMILY in n for w in state.history for n in w.notes)
    if has_tried or state.window != half_way(engine.schedule):
        return []
    number = 2000 + state.window
    return [engine.learner.try_family(OTHER_FAMILY, window=number, progress=False)]


def _is_over(schedule: Schedule, state: RunState, *, before: float) -> bool:
    """Whether warm-up ends with this window.

    Args:
        schedule: The run's settings.
        state: With the window's figures.
        before: Acceptance of jumps in the window before, NaN in the first.
    """
    acceptance, shape = state.pilot["jump_acceptance"], state.pilot["pareto_k"]
    planned = len(schedule.windows)
    most = planned + schedule.extra_windows
    is_fresh = state.scalars["num_adapted"] == 0  # another kernel's first step size
    if state.window <= scout_window(schedule, state):
        return False
    if is_fresh and state.window < most:
        return False
    if acceptance >= schedule.enough_acceptance:
        return True
    if state.window < planned:
        return False
    is_poor = acceptance < POOR_ACCEPTANCE or shape > POOR_SHAPE
    is_better = acceptance > before + LEAST_PROGRESS
    return not (state.window < most and (is_poor or is_better))


def _measured(engine: Engine, state: RunState, index: int) -> RunState:
    """Return the state with the window's figures and the share they lead to."""
    chunks = [chunk for chunk in state.warmup if chunk.window[0] == index]
    schedule = engine.schedule
    pilot = measure(
        join_chunks(tuple(chunks)),
        num_jumps=schedule.num_jumps,
        jump_states=schedule.jump_states,
        most_local=engine.block()[0].num_local,
        local_cost=engine.local_cost(state),
    )
    if not state.pilot:
        _logger.info("pilot: %s", pilot.sentence())
    scalars = {**state.scalars, "num_local": pilot.num_local}
    return replace(state, pilot=pilot.to_json(), scalars=scalars)
