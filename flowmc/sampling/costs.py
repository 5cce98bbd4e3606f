"""What sweeps cost, in evaluations and gradients, before they are made.

Most kernels take a known number of evaluations.  Those that do not (elliptical slices,
trees) are reckoned with a multiple of what was counted, or with a guess before anything
was: their longest steps, of all chains at once, are never met.
"""

__all__ = [
    "fitting_local_steps",
    "least_sweep",
    "likely_sweep",
    "sweeps_within",
    "tempered_cost",
    "tempered_local_steps",
]

from dataclasses import replace

from flowmc.sampling.engine import Engine
from flowmc.sampling.local_kernels import (
    first_step_size,
    most_evaluations,
    tuned_part,
)
from flowmc.sampling.state import RunState

GUESS = 16  # evaluations of a local step, at most, where none was counted yet


def sweeps_within(engine: Engine, state: RunState, room: float) -> float:
    """Return how many sweeps fit: as many as surely do, or one that is likely to.

    Args:
        engine: Of the run.
        state: Where it is: its step size and number of local steps count.
        room: Evaluations that are left; infinite without a limit.
    """
    if room == float("inf"):
        return room
    surely = int(room // _most(engine, state))
    return max(surely, int(likely_sweep(engine, state) <= room))


def likely_sweep(engine: Engine, state: RunState) -> int:
    """Return what a sweep is likely to take at most."""
    cost = engine.sweep_cost(state)
    if state.scalars.get("local_steps"):
        return cost
    of_steps = GUESS * engine.num_local(state)
    return min(cost, engine.num_chains * (of_steps + engine.schedule.num_jumps + 1))


def least_sweep(engine: Engine, state: RunState) -> int:
    """Return what a sweep with one local step is likely to take: production's least."""
    scalars = {**state.scalars, "num_local": 1}
    if state.phase == "anneal":  # the step size there is another kernel's
        size = engine.space.event_size
        scalars["step_size"] = first_step_size(engine.local_kernel, size)
    return likely_sweep(engine, replace(state, scalars=scalars))


def fitting_local_steps(engine: Engine, state: RunState, room: float) -> RunState:
    """Return the state with as many local steps, at least one, as one sweep can pay."""
    num_local = before = engine.num_local(state)
    while num_local > 1 and likely_sweep(engine, state) > room:
        num_local -= 1
        state = replace(state, scalars={**state.scalars, "num_local": num_local})
    if num_local == before or not state.pilot:
        return state
    reason = f"{num_local}: the budget leaves no room for the pilot's {before}"
    reasons = {**state.pilot["reasons"], "num_local": reason}
    pilot = {**state.pilot, "num_local": num_local, "reasons": reasons}
    return replace(state, pilot=pilot)


def tempered_local_steps(engine: Engine) -> int:
    """Return the local steps of a sweep at a temperature."""
    local = tuned_part(engine.block(engine.annealing_name)[0].local)
    is_dear = hasattr(local, "trajectory_length")  # each step costs several gradients
    return max(1, engine.schedule.num_local // (4 if is_dear else 1))


def tempered_cost(engine: Engine, *, step_size: float) -> int:
    """Return what one particle's sweep at a temperature is likely to take."""
    sweep, _ = engine.block(engine.annealing_name)
    local = tuned_part(sweep.local)
    if hasattr(local, "step_size"):
        local.step_size.assign(step_size)
    of_step = min(most_evaluations(sweep.local), GUESS)
    begun = getattr(sweep.local, "gradients_at_start", 0)
    return tempered_local_steps(engine) * of_step + engine.schedule.num_jumps + begun


def _most(engine: Engine, state: RunState) -> int:
    """Return the most that a sweep can take."""
    uncounted = {k: v for k, v in state.scalars.items() if k != "local_steps"}
    return engine.sweep_cost(replace(state, scalars=uncounted))
