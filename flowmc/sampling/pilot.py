"""What a window of warm-up tells: efficiencies, and the shares that follow from them.

Counts only, never clocks: the same seed measures the same and decides the same.  (The
option to go by seconds is in `timed_shares`.)  A
local step is worth 1/tau independent draws, tau from the correlation of successive
draws in the worst coordinate; a jump accepted at rate a is worth a / (2 - a), as if it
were refused everywhere alike.  Each kernel gets evaluations in proportion to its worth
per evaluation, within limits: neither is ever left out.
"""

__all__ = ["Pilot", "local_steps", "measure"]

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from flowmc.results.importance import importance_ess, pareto_shape
from flowmc.sampling.state import DrawChunk
from flowmc.sampling.sweep import JUMP, LOCAL
from flowmc.sampling.temper import expected_acceptance

LEAST_SHARE = 0.25  # of the evaluations, for either kernel


@dataclass(frozen=True)
class Pilot:
    """Figures of the last window of warm-up, and the settings they led to.

    Attributes:
        local_acceptance: Share of accepted local steps.
        jump_acceptance: Share of accepted jumps.
        local_worth: Independent draws of one local step.
        jump_worth: Independent draws of one jump.
        local_cost: Evaluations, gradients among them, of one local step.
        weight_efficiency: Effective size of the scored proposals, as a share.
        pareto_k: Shape of the tail of pi/q over them.
        num_local: Local steps before each block of jumps from here on.
        num_jumps: Jumps of a block.
        evaluations_per_ess: Evaluations for one effective draw, by this reckoning.
        reasons: Setting -> its value and why.
    """

    local_acceptance: float
    jump_acceptance: float
    local_worth: float
    jump_worth: float
    local_cost: float
    weight_efficiency: float
    pareto_k: float
    num_local: int
    num_jumps: int
    evaluations_per_ess: float
    reasons: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for configuration and checkpoint."""
        return asdict(self)

    def sentence(self) -> str:
        """Say what to expect."""
        return (
            f"jumps accepted {self.jump_acceptance:.0%}, local steps "
            f"{self.local_acceptance:.0%}; about {self.evaluations_per_ess:.3g} "
            "evaluations for one effective draw"
        )


def measure(
    chunk: DrawChunk,
    *,
    num_jumps: int,
    jump_states: int,
    most_local: int,
    local_cost: float,
) -> Pilot:
    """Measure a window's draws and choose the share of local steps.

    Args:
        chunk: Draws of one window, whole sweeps.
        num_jumps: Jumps of each sweep.
        jump_states: States of each chain that they make.
        most_local: Most local steps of a sweep.
        local_cost: Evaluations of one local step.
    """
    is_local = chunk.kernel == LOCAL
    local_worth = 1.0 / _correlation_time(chunk, is_local)
    acceptance = float(chunk.is_accepted[chunk.kernel == JUMP].mean())
    jump_worth = acceptance / (2.0 - acceptance) * jump_states / num_jumps
    if jump_states < num_jumps:  # one of many is chosen nearly always
        acceptance = expected_acceptance(chunk.proposal_log_weight)
    num_local = local_steps(
        local_worth,
        jump_worth,
        cost=local_cost,
        num_jumps=num_jumps,
        most_local=most_local,
    )
    cost = num_local * local_cost + num_jumps
    worth = num_local * local_worth + num_jumps * jump_worth
    log_weight = chunk.proposal_log_weight
    figures = (
        f"a local step is worth {local_worth:.3f} draws and costs {local_cost:.1f} "
        f"evaluations, a jump is worth {jump_worth:.3f}"
    )
    return Pilot(
        local_acceptance=float(chunk.is_accepted[is_local].mean()),
        jump_acceptance=acceptance,
        local_worth=local_worth,
        jump_worth=jump_worth,
        local_cost=local_cost,
        weight_efficiency=importance_ess(log_weight) / len(log_weight),
        pareto_k=pareto_shape(log_weight),
        num_local=num_local,
        num_jumps=num_jumps,
        evaluations_per_ess=float(cost / max(worth, 1e-12)),
        reasons={"num_local": f"{num_local}: {figures}"},
    )


def local_steps(
    local_worth: float,
    jump_worth: float,
    *,
    cost: float,
    num_jumps: int,
    most_local: int,
) -> int:
    """Return the local steps of a sweep: each kernel gets by its worth per cost.

    Args:
        local_worth: Independent draws of one local step.
        jump_worth: Those of one jump.
        cost: Of a local step, as a multiple of a jump's.
        num_jumps: Jumps of a sweep.
        most_local: Most local steps of a sweep.
    """
    rate = local_worth / cost
    share = np.clip(
        rate / max(rate + jump_worth, 1e-12), LEAST_SHARE, 1.0 - LEAST_SHARE
    )
    wanted = share * num_jumps / ((1.0 - share) * cost)
    return int(np.clip(round(wanted), 1, most_local))


def _correlation_time(chunk: DrawChunk, is_local: np.ndarray) -> float:
    """Return tau of the local kernel: of a first-order process with its correlation."""
    after = np.flatnonzero(is_local)
    after = after[after > 0]
    if not len(after):
        return math.inf
    x = chunk.position
    spread = x.std(axis=(0, 1))
    moved = np.mean((x[after] - x[after - 1]) ** 2, axis=(0, 1))
    # Half the mean squared jump over the variance is one minus the correlation.
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = np.nan_to_num(0.5 * moved / spread**2, nan=0.0)
    rho = np.clip(1.0 - float(loss.min()), 0.0, 1.0 - 1e-6)
    return float((1.0 + rho) / (1.0 - rho))
