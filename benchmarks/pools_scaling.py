"""Scaling of the batches that the samplers send, simulated to a thousand workers.

Sizes of batches and the sampler's own time between them come from real runs; what a
message and a round trip cost comes from the measured pools.  The rest is a queue: one
dispatcher sends a message every `message` seconds, workers take them as they get free.
"""

__all__ = ["CASES", "COSTS", "WORKERS", "efficiency", "record"]

import heapq
import time
from collections import Counter
from typing import Any

import numpy as np
from scipy import stats

import flowmc

COSTS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
WORKERS = (1, 10, 100, 1000)
SCATTER = 0.2  # sd of the logarithm of one call's time
MESSAGES_PER_WORKER = 4
# Name, sampler, its settings.
CASES = {
    "sample, 64 chains": ("sample", {"num_chains": 64, "num_draws": 1000}),
    "sample, 1024 chains": ("sample", {"num_chains": 1024, "num_draws": 64}),
    "sample_smc, 1024 particles": ("sample_smc", {"num_particles": 1024}),
    "sample_smc, 6144 particles": ("sample_smc", {"num_particles": 6144}),
}


def record(case: str) -> dict[str, Any]:
    """Run a sampler on a curved ridge; return its batches and its own time.

    The number of points decides; what the likelihood is matters little.
    """
    sampler, settings = CASES[case]
    sizes: list[int] = []

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        sizes.append(len(theta))
        x, y = theta.T
        return -0.5 * x**2 - 2.0 * (y - x**2) ** 2

    target = flowmc.Target(
        log_likelihood_fn=log_likelihood,
        prior={"x": stats.norm(0.0, 3.0), "y": stats.norm(0.0, 5.0)},
        backend="numpy",
    )
    sizes.clear()
    started = time.perf_counter()
    posterior = getattr(flowmc, sampler)(target, seed=0, **settings)
    wall = time.perf_counter() - started
    compiling = posterior.cost.seconds["compile"]
    return {
        "case": case,
        "batches": sorted(Counter(sizes).items()),
        "evaluations": sum(sizes),
        "own seconds": wall - target.seconds - compiling,
        "compile seconds": compiling,
    }


def efficiency(
    run: dict[str, Any], overhead: dict[str, float], *, cost: float, workers: int
) -> float:
    """Return the share of the workers' time that goes into calls, compilation apart.

    Args:
        run: From `record`.
        overhead: Seconds of a "message" and of a "round trip", and the "worth" of work
            that a message should hold.
        cost: Seconds of a call, on average.
        workers: Their number.
    """
    random = np.random.default_rng(0)
    total = run["own seconds"]
    for size, count in run["batches"]:
        total += count * _batch(random, size, overhead, cost=cost, workers=workers)
    return run["evaluations"] * cost / (workers * total)


def _batch(
    random: np.random.Generator,
    size: int,
    overhead: dict[str, float],
    *,
    cost: float,
    workers: int,
) -> float:
    """Return the seconds that a batch takes."""
    times = cost * np.exp(SCATTER * random.normal(size=size) - 0.5 * SCATTER**2)
    if workers == 1 and size * cost > 1e3:
        return float(size * (cost + overhead["message"]))
    group = min(
        round(overhead["worth"] / cost), size // (MESSAGES_PER_WORKER * workers)
    )
    rounds = -(-size // (max(group, 1) * workers))
    parts = np.array_split(times, min(size, rounds * workers))
    free = [0.0] * workers
    sent = end = 0.0
    for part in parts:
        sent += overhead["message"]
        begin = max(sent, heapq.heappop(free))
        finish = begin + float(part.sum())
        heapq.heappush(free, finish)
        end = max(end, finish)
    return end + overhead["round trip"]
