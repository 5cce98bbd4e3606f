"""Several kernels, stepped one after the other: one step of a cycle is one of each.

If every part leaves the target where it is, so does the cycle.  The usual pair is a
local kernel and `independence` with a trained flow.

Reference: Tierney (1994), doi:10.1214/aos/1176325750, section 2.4.
"""

__all__ = ["Cycle", "CycleInfo"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Kernel, LogProbFn, Seed
from flowmc.kernels.composition import Composition
from flowmc.kernels.metropolis import MetropolisState
from flowmc.kernels.tally import add


class CycleInfo(NamedTuple):
    """Outcome of the last part, of each part, and the cost of all."""

    is_accepted: Array  # [num_chains], of the last part
    log_accept_ratio: Array  # [num_chains], of the last part
    kernel: Array  # [num_kernels], int32: which part made which row below
    part_is_accepted: Array  # [num_kernels, num_chains]
    part_log_accept_ratio: Array  # [num_kernels, num_chains]
    tally: Any  # of all parts together


@KERNELS.register("cycle")
class Cycle(Composition):
    """Step every one of `kernels`, in order.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.  The parts
            need none; one that has its own must have the same.
        kernels: The parts, composites among them if need be.

    Raises:
        ConfigurationError: No kernels, something that is no kernel, or a kernel that
            carries more than positions from step to step.
    """

    name = "cycle"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        kernels: Sequence[Kernel],
    ) -> None:
        super().__init__(target_log_prob_fn=target_log_prob_fn, kernels=kernels)

    def compose(
        self, state: MetropolisState, *, stepper: Any, seed: Seed
    ) -> tuple[MetropolisState, CycleInfo]:
        """Step the parts one after the other."""
        seeds = split(seed, n=len(self.kernels))
        infos = []
        for kernel, part_seed in zip(self.kernels, seeds, strict=True):
            state, info = self._advance(kernel, state, stepper=stepper, seed=part_seed)
            infos.append(info)
        tally = infos[0].tally
        for info in infos[1:]:
            tally = add(tally, info.tally)
        return state, CycleInfo(
            infos[-1].is_accepted,
            infos[-1].log_accept_ratio,
            tf.constant(list(range(len(infos)))),
            tf.stack([info.is_accepted for info in infos]),
            tf.stack([info.log_accept_ratio for info in infos]),
            tally,
        )
