"""Step sizes of local kernels in warm-up: to an acceptance, and away from divergences.

An acceptance averaged over chains says little about a narrow place that few of them
visit: there trajectories diverge, and chains turn back from what they should enter.
Where too many did, the acceptance that is aimed at is raised, so that steps are smaller
in the next window and in production.

Reference: Betancourt (2017), arXiv:1701.02434, section 6.2, on divergences and the
acceptance that is aimed at.
"""

__all__ = ["STEP_LIMITS", "adapt_step_size", "aim", "heed_divergences"]

from dataclasses import replace
from typing import Any

import numpy as np

from flowmc.sampling.state import RunState
from flowmc.sampling.sweep import LOCAL

STEP_LIMITS = (1e-3, 20.0)
# Of a window's trajectories: half of what the verdict allows in production.
MOST_DIVERGED = 0.005
LEAST_SEEN = 200  # trajectories of a window that say anything
RAISED, HIGHEST = 0.5, 0.95  # way to certainty that the aim goes at once; the highest
SHORTER = 0.75  # step size at once, for there may be no further window


def adapt_step_size(
    step_size: float,
    acceptance: float,
    *,
    target: float,
    count: float,
    largest: float = np.inf,
) -> float:
    """Return the next step size: Robbins-Monro on its logarithm.

    Args:
        step_size: The one in force.
        acceptance: Mean acceptance it had.
        target: Acceptance aimed at.
        count: Changes made so far; the gain falls with its square root.
        largest: Never exceeded.
    """
    gain = 3.0 / np.sqrt(1.0 + count)
    raised = step_size * np.exp(gain * (acceptance - target))
    return float(np.clip(raised, STEP_LIMITS[0], min(largest, STEP_LIMITS[1])))


def aim(state: RunState, kernel: Any) -> float:
    """Return the acceptance that `kernel`'s step size aims at in this run."""
    return float(state.scalars.get("target_acceptance", kernel.target_acceptance))


def heed_divergences(
    state: RunState, kernel: Any, *, index: int
) -> tuple[RunState, str | None]:
    """Look at a window's divergences; aim at a higher acceptance if there were many.

    Args:
        state: At the end of the window.
        kernel: The local kernel that was tuned in it.
        index: Number of the window among the run's phases.

    Returns:
        The state, and a note of what was changed, if anything was.
    """
    total = state.problems.get("divergences", 0)
    diverged = total - int(state.scalars.get("divergences", 0))
    state = replace(state, scalars={**state.scalars, "divergences": total})
    taken = sum(
        int(np.sum((c.window == index) & (c.kernel == LOCAL))) * c.position.shape[1]
        for c in state.warmup
    )
    is_first = state.window == 0  # the map knew nothing yet
    is_few = taken < LEAST_SEEN or diverged <= MOST_DIVERGED * taken
    if is_first or is_few or not hasattr(kernel, "target_acceptance"):
        return state, None
    former = aim(state, kernel)
    higher = min(former + RAISED * (1.0 - former), max(HIGHEST, former))
    step_size = max(SHORTER * state.scalars["step_size"], STEP_LIMITS[0])
    scalars = {
        **state.scalars,
        "step_size": step_size,
        "target_acceptance": higher,
    }
    note = (
        f"{diverged / taken:.1%} of the trajectories diverged: an acceptance of "
        f"{higher:.2f} is aimed at instead of {former:.2f}"
    )
    return replace(state, scalars=scalars), note
