"""The mode report of a run: how modes were looked for, and what the draws show.

`flowmc.results.mode_verdict` knows its keys, judges it and puts it into words.
"""

__all__ = ["mode_report"]

from typing import Any

import numpy as np

from flowmc.results.modes import find_modes
from flowmc.sampling.conclusion import is_unconfirmed
from flowmc.sampling.engine import Engine
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState


def mode_report(
    engine: Engine, state: RunState, theta: np.ndarray, log_prob: np.ndarray
) -> dict[str, Any]:
    """Return plain values on the search for modes, and on those among the draws.

    Args:
        engine: Of a run that is done.
        state: Its last state.
        theta: Production draws `[num_draws, num_chains, D]`.
        log_prob: Their log-densities `[num_draws, num_chains]`.
    """
    begun, found = _start(engine.space, state), find_modes(theta, log_prob=log_prob)
    second = _second_group(engine, state)
    report = {**begun, "search": f"{begun['search']}; {second}"}
    reached = state.modes.get("scout_inverse_temperature", 0.0)
    if engine.space.has_reference and reached < 1.0:
        report["unlooked"] = second
    if engine.space.target.notes:
        report["notes"] = " ".join(engine.space.target.notes)
    return {
        **report,
        **state.modes,
        "num_modes": int(found.num_modes),
        "mode_weights": [float(weight) for weight in found.weights],
        "transitions": int(found.transitions),
    }


def _start(space: Space, state: RunState) -> dict[str, Any]:
    """Say where the chains came from."""
    start = state.history[0]
    if start.name != "anneal":
        return {"search": "the chains started at given positions"}
    reached = start.settings["inverse_temperature"]
    done = "" if reached == 1.0 else f", stopped at inverse temperature {reached:.2g}"
    wide = "" if space.has_reference else " from a normal law, without prior or bounds,"
    way = "brought to the target by descents" if start.settings.get("maxima") else ""
    way = way or f"annealed{wide} to the target{done}"
    return {
        "search": f"particles {way}",
        "particles": start.settings["particles"],
        "temperatures": start.settings["levels"],
    }


def _second_group(engine: Engine, state: RunState) -> str:
    """Say whether a second group confirms them, and if not, why."""
    reached = state.modes.get("scout_inverse_temperature")
    if reached is not None:
        if reached >= 1.0:
            return _confirmation(state)
        if "unseen_by_main" not in state.modes:
            return "no second group: no draw of the reference had any density"
        return (
            f"a second group stopped at inverse temperature {reached:.2g}, before the "
            "target, and confirms nothing"
        )
    if not engine.schedule.second_group:
        return "no second group, as asked for"
    if not engine.space.has_reference:
        return "no second group: there is neither a prior nor finite bounds"
    return "no second group: the budget ended warm-up before its turn"


def _confirmation(state: RunState) -> str:
    way = "came down from" if state.modes.get("scout_maxima") else "was annealed from"
    if is_unconfirmed(state):
        return (
            f"they went on from a group that {way} the reference; no other confirms it"
        )
    if state.modes.get("confirmed"):
        return f"they went on from an annealed group; another {way} the reference"
    return f"a second group {way} the reference by itself"
