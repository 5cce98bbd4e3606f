"""K2-24 with emcee: the ensemble keeps its stretch move and gains a flow.

The flow trains on the walkers for `num_adapt` of its own steps, then freezes itself;
only draws after that are used.  Run `python examples/k2_24_emcee.py`, with
FLOWMC_QUICK=1 for a few seconds' worth.
"""

import os

import emcee
import numpy as np
from k2_24 import PRIORS, host_target

import flowmc

QUICK = os.environ.get("FLOWMC_QUICK") == "1"
NUM_WALKERS = 32 if QUICK else 64
NUM_ADAPT = 60 if QUICK else 600
NUM_STEPS = 300 if QUICK else 4000


def main() -> None:
    """Sample, discard what was drawn while the flow trained, print a summary."""
    target = host_target()
    random = np.random.default_rng(24)
    guess = np.array([1.5, 1.3, -0.03, 0.002, 2.2])
    scale = np.array([0.2, 0.2, 0.02, 0.0007, 0.3])
    start = guess + scale * random.standard_normal((NUM_WALKERS, guess.size))

    flow = flowmc.moves.FlowMove(model="maf", num_adapt=NUM_ADAPT)
    sampler = emcee.EnsembleSampler(
        NUM_WALKERS,
        guess.size,
        target.log_prob,
        moves=[(flow, 0.5), (emcee.moves.StretchMove(), 0.5)],
        vectorize=True,
    )
    sampler.random_state = np.random.RandomState(24).get_state()
    sampler.run_mcmc(start, NUM_STEPS)

    draws = sampler.get_chain(discard=flow.frozen_at)
    times = sampler.get_autocorr_time(discard=flow.frozen_at, tol=0)
    print(f"Flow frozen after step {flow.frozen_at} of {NUM_STEPS}.")
    print(f"Acceptance, all moves: {np.mean(sampler.acceptance_fraction):.2f}")
    print(f"{'':6} {'mean':>9} {'sd':>8} {'16%':>9} {'50%':>9} {'84%':>9} {'tau':>6}")
    for index, name in enumerate(PRIORS):
        values = draws[:, :, index].ravel()
        low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
        print(
            f"{name:6} {values.mean():9.4g} {values.std():8.3g} "
            f"{low:9.4g} {middle:9.4g} {high:9.4g} {times[index]:6.1f}"
        )


if __name__ == "__main__":
    main()
