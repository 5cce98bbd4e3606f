"""One sweep of many particles at one inverse temperature."""

__all__ = ["Moves", "run_tempered"]

from typing import Any, NamedTuple

import numpy as np

from flowmc.core.seeds import fold_in
from flowmc.sampling.costs import tempered_local_steps
from flowmc.sampling.engine import Engine
from flowmc.sampling.faults import enter_tally
from flowmc.sampling.local_kernels import tuned_part
from flowmc.sampling.temper import expected_acceptance


class Moves(NamedTuple):
    """What sweeps at one temperature did to the particles."""

    position: np.ndarray  # [num_states, n, D]
    tempered: np.ndarray  # [num_states, n], log-density at the temperature
    local_acceptance: float  # mean probability of the local steps
    jump_acceptance: float  # of single jumps, also where one of many is chosen
    is_accepted: np.ndarray  # [num_states, n]
    proposal: np.ndarray  # [num_jumps, n, D]
    proposal_log_weight: np.ndarray  # [num_jumps, n], at the temperature


def run_tempered(
    engine: Engine,
    x: np.ndarray,
    tempered: np.ndarray,
    *,
    inverse_temperature: float,
    step_size: float,
    seed: Any,
) -> Moves:
    """Run one sweep of particles `[n, D]`, as many at a time as there are chains.

    Args:
        engine: Its map in force proposes; its annealing kernel takes local steps.
        x: Where the particles are.
        tempered: Their log-densities at `inverse_temperature` `[n]`.
        inverse_temperature: 0 for the reference, 1 for the target.
        step_size: Of the local kernel.
        seed: Of the sweep.

    Raises:
        LogProbError: The target failed.
    """
    sweep, runner = engine.block(engine.annealing_name)
    local = tuned_part(sweep.local)
    num_local = tempered_local_steps(engine)
    if hasattr(local, "step_size"):
        local.step_size.assign(step_size)
    records = []
    for index in range(0, len(x), engine.num_chains):
        batch = slice(index, index + engine.num_chains)
        block = runner.run(
            x[batch],
            tempered[batch],
            first=0,
            count=1,
            seed=fold_in(seed, "batch", index),
            inverse_temperature=inverse_temperature,
            num_local=num_local,
        )
        if block.error is not None:
            raise block.error
        enter_tally(block.tally, engine.space)
        records.append(block.record)
    jumps = np.mean([r.is_accepted[0][num_local:] for r in records])
    if engine.schedule.jump == "multiple_try":
        weights = [r.proposal_log_weight[0].ravel() for r in records]
        jumps = expected_acceptance(np.concatenate(weights))
    return Moves(
        np.concatenate([r.position[0] for r in records], axis=1),
        np.concatenate([r.log_prob[0] for r in records], axis=1),
        float(np.mean([r.local_acceptance for r in records])),
        float(jumps),
        np.concatenate([r.is_accepted[0] for r in records], axis=1),
        np.concatenate([r.proposal[0] for r in records], axis=1),
        np.concatenate([r.proposal_log_weight[0] for r in records], axis=1),
    )
