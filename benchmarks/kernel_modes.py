"""Mode weights of two separated normals: jumps and local steps, local steps alone.

Chains start anywhere in the prior's box, so that a local kernel, which never crosses,
shows how they fell into the modes and not how heavy these are.  A flow is fitted to
those same wrong draws; its jumps need not be right, only possible.
"""

__all__ = ["measure_modes"]

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from flowmc import fit, kernels, models, targets
from flowmc.sampling.chains import run_chains
from flowmc.sampling.space import Space

SIZE, NUM_CHAINS, HALF_WIDTH = 10, 64, 10.0
NUM_WARMUP, NUM_STEPS, NUM_SETTLING = 300, 1000, 200
FAMILY = "maf"


def measure_modes(quick: bool, *, seeds: int) -> Iterator[tuple]:
    """Yield a row for each mode of use, contestant and seed."""
    problem = targets.two_gaussians(SIZE, half_width=HALF_WIDTH)
    truth = 1.0 / 3.0
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        start = random.uniform(-HALF_WIDTH, HALF_WIDTH, size=(NUM_CHAINS, SIZE))
        for use, backend in (("graph", "tensorflow"), ("host", "numpy")):
            target = problem.target(backend)
            steps = 100 if quick else NUM_STEPS
            local = run_chains(
                kernels.make("random_walk", step_size=0.1),
                target,
                start,
                num_steps=steps,
                num_warmup=NUM_WARMUP,
                seed=seed,
            )
            yield ("local alone", use, seed, *_figures(local, truth), 0.0)
            started = time.perf_counter()
            both = _with_jumps(target, local, steps, quick=quick, seed=seed)
            seconds = time.perf_counter() - started
            yield ("independence + local", use, seed, *_figures(both, truth), seconds)


def _with_jumps(target: Any, local: Any, steps: int, *, quick: bool, seed: int) -> Any:
    """Fit a flow to the local draws; go on from their end, with jumps."""
    draws = Space(target).from_theta(local.theta[::10].reshape(-1, SIZE))
    flow = models.make(FAMILY, event_size=SIZE, seed=seed)
    fit(flow, draws, seed=seed, max_steps=100 if quick else 2000)
    mixture = models.defensive(flow)
    mixture.fit_tails(draws)
    kernel = kernels.make(
        "cycle",
        kernels=[
            kernels.make("independence", model=mixture),
            kernels.make("random_walk", step_size=local.settings["step_size"]),
        ],
    )
    chains = run_chains(
        kernel, target, local.theta[-1], num_steps=steps + NUM_SETTLING, seed=seed
    )
    return chains._replace(
        theta=chains.theta[NUM_SETTLING:], acceptance=chains.acceptance[NUM_SETTLING:]
    )


def _figures(chains: Any, truth: float) -> tuple[float, ...]:
    is_heavy = chains.theta.mean(axis=-1) > 0.0
    weight = float(is_heavy.mean())
    crossings = float((is_heavy[1:] != is_heavy[:-1]).mean())
    counts = chains.counts["log_prob_calls"] + chains.warmup_counts["log_prob_calls"]
    return (
        weight,
        abs(weight - truth),
        crossings,
        float(chains.acceptance.mean()),
        counts,
    )
