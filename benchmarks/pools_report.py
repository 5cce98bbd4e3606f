"""The page `docs/pools_measured.md` from the figures of `pools.py`."""

__all__ = ["write_report"]

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from pools_scaling import CASES, COSTS, WORKERS, efficiency
from pools_work import SECONDS
from pools_work import WORKERS as WORKERS_MEASURED

PAGE = Path(__file__).parents[1] / "docs" / "pools_measured.md"
GOALS = {"own": "0.90", "dask": "0.85", "ray": "0.85"}
WORTH = {"own": 5e-3, "dask": 0.1, "ray": 20e-3, "mpi4py.futures": 10e-3}
HEAD = """# Pools, measured

Written by `python benchmarks/pools.py` from `benchmarks/results/pools.json`; how to use
pools: [clusters](clusters.md).

## A 20 ms likelihood on two workers

Efficiency, median of the repeats: of `sleep`, which waits and needs no processor,
(20 ms x calls) / (2 x wall time of the batch). `spin` keeps a core busy until 20 ms
have passed on the clock, so that whatever the pool itself computes has to be squeezed
in beside two busy workers on a machine of two cores. Other jobs ran on that machine:
`spin` is compared with two bare processes that call in a plain loop, in turns with the
pool (wall time of these / wall time of the pool), and behind it is the efficiency by
the clock; under such a load single figures of `spin` scatter by 0.1 and more. 64 points
are one step of 64 chains.
"""
OVERHEADS = """
## What a pool costs

A round trip: one call alone, there and back. A message: a call that travels alone,
among 512. A call: among 512 that cost nothing, in messages as large as flowmc then
makes them.
"""
LAW = """
## A thousand workers, simulated

The batches are those that both samplers sent on a curved ridge in two dimensions, and
so is the sampler's own time between batches; the pool's costs are those above. Each
call takes the cost named, with a scatter of 20 % around it. Batches do not overlap: the
next depends on the answers. (`own` beyond one machine's cores is there to compare.) So
a batch of n calls of t seconds on W workers takes about

    T = max(ceil(n / W) t, m c) + r + s

with m messages of c seconds each at the one process that hands them out, a round trip
r, and s seconds of the sampler's own; its efficiency is n t / (W T). Three laws follow.

1. **n / (W ceil(n / W))** bounds the efficiency: 64 chains keep 64 workers busy in a
   local step, whatever a call costs. Take chains, or a sixth of the particles, as a
   multiple of the workers.
2. **t > W c**: calls that are shorter than what one dispatcher needs to feed all
   workers once leave them waiting. With c = 2 ms a thousand workers need calls of 2 s.
3. **n t > W (r + s)**: the sampler itself runs on one machine, between the batches.

And the last calls of a batch end at different times: with a scatter of 20 % and one
call for each worker, the slowest takes 1.3 (10 workers) to 1.9 times (1000) the mean.
More points for each worker make that up.
"""


def write_report(stored: dict[str, Any]) -> None:
    """Write the page."""
    kinds = {name: kind["rows"] for name, kind in stored["kinds"].items()}
    lines = [HEAD, *_machines(stored), *_efficiencies(kinds)]
    lines += [OVERHEADS, *_overheads(kinds), LAW]
    for case in CASES:
        if case in stored["schedules"]:
            lines += _scaling(stored["schedules"][case], kinds)
    PAGE.write_text("\n".join(lines) + "\n")


def _machines(stored: dict[str, Any]) -> Iterator[str]:
    machines = [kind["machine"] for kind in stored["kinds"].values()]
    names = sorted({f"{m['processor']}, {m['cores']} cores" for m in machines})
    loads = [machine["load_average"][0] for machine in machines]
    yield f"{'; '.join(names)}. The machine was shared: load average when a kind began,"
    yield f"{min(loads):.1f} to {max(loads):.1f}.\n"


def _efficiencies(kinds: dict[str, Any]) -> Iterator[str]:
    yield "| pool | sleep, 64 | sleep, 256 | spin, 64 | spin, 256 | goal |"
    yield "|---|---|---|---|---|---|"
    for name, rows in kinds.items():
        waiting, busy = rows[:2]
        cells = [f"{_share(waiting, size):.2f}" for size in (64, 256)]
        cells += [
            f"{_beside(busy, size):.2f} ({_share(busy, size):.2f})"
            for size in (64, 256)
        ]
        yield f"| {name} | {' | '.join(cells)} | {GOALS.get(name, '')} |"


def _share(row: dict[str, Any], size: int) -> float:
    """Return the share of two workers' time that 20 ms a call make up."""
    return SECONDS * size / (WORKERS_MEASURED * median(row["wall"][str(size)]))


def _beside(row: dict[str, Any], size: int) -> float:
    """Return the time of two bare processes over that of the pool."""
    return median(row["bare"][str(size)]) / median(row["wall"][str(size)])


def _overheads(kinds: dict[str, Any]) -> Iterator[str]:
    yield "| pool | round trip, ms | message, ms | call among many, ms |"
    yield "|---|---|---|---|"
    for name, (*_, row) in kinds.items():
        cells = [f"{1e3 * row[key]:.3f}" for key in ("round trip", "message", "call")]
        yield f"| {name} | {' | '.join(cells)} |"


def _scaling(run: dict[str, Any], kinds: dict[str, Any]) -> Iterator[str]:
    sizes = [size for size, _ in run["batches"]]
    count = sum(number for _, number in run["batches"])
    yield f"\n### {run['case']}\n"
    yield (
        f"{run['evaluations']:,} evaluations in {count:,} batches of {min(sizes)} to "
        f"{max(sizes):,}; the sampler's own time {run['own seconds']:.1f} s, "
        f"{1e3 * run['own seconds'] / count:.1f} ms a batch (compilation, "
        f"{run['compile seconds']:.0f} s once, not counted)."
    )
    yield ""
    used = [name for name in WORTH if name in kinds]
    head = [f"{name}, {workers:,}" for name in used for workers in WORKERS]
    yield f"| a call | {' | '.join(head)} |"
    yield "|---" * (len(head) + 1) + "|"
    for cost in COSTS:
        cells = []
        for name in used:
            overhead = {**kinds[name][-1], "worth": WORTH[name]}
            cells += [
                f"{efficiency(run, overhead, cost=cost, workers=workers):.2f}"
                for workers in WORKERS
            ]
        label = f"{1e3 * cost:g} ms" if cost < 1.0 else f"{cost:g} s"
        yield f"| {label} | {' | '.join(cells)} |"
