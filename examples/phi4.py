"""Lattice phi^4: a chain with exact answers, and a square lattice with a flow and HMC.

The chain of 32 sites has two phases; its evidence, and their weights in a small field,
are known from the transfer matrix.  On the periodic square lattice of 8 x 8 sites (or
16 x 16, `python examples/phi4.py 16`) a flow learns from the draws of HMC, multiplied
by the symmetries of the lattice, and proposes whole fields; its memory of the
magnetization is compared with that of HMC.  Known there: <phi dS/dphi> = 1 at each
site, and that both find the same susceptibility.

Chain: arXiv:2105.12603.  Lattice and its citations: `lattice.py`.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import lattice
import matplotlib.pyplot as plt
import numpy as np
from study import QUICK, Check, finish, is_quick

import flowmc
from flowmc.targets.known_lattice import phi_four_chain

SITES, FIELD = 32, 0.005  # of the chain
CHAINS = 64
TRAJECTORY = 4.0  # of 2, 4 and 8 the best for the magnetization, per gradient


def graph_target(**options: Any) -> "flowmc.Target":
    """Return the chain, with the free field as prior; `options` go to `Target`."""
    return phi_four_chain(SITES, field=FIELD, prior=True).target(**options)


def lattice_target(size: int = 8, **options: Any) -> "flowmc.Target":
    """Return exp(-S) of the periodic lattice; `options` go to `flowmc.Target`."""
    options = {"names": [f"phi{place}" for place in range(size**2)]} | options
    return flowmc.Target(partial(lattice.log_density, size=size), **options)


def learn(draws: np.ndarray, size: int) -> Any:
    """Return a flow that was fitted to fields `[n, size^2]`, and to them turned."""
    copies, steps = (1, 30) if is_quick() else (8, 2000 if size == 8 else 1500)
    shape = {"event_size": size**2, "num_layers": 4, "hidden_units": [64, 64]}
    shape |= {"base": {"covariance": lattice.free_covariance(size)}}
    flow = flowmc.models.make("spline_coupling", dtype="float32", seed=4, **shape)
    fields = [lattice.turned(draws, size, seed=seed) for seed in range(copies)]
    options = {"max_steps": steps, "learning_rate": 5e-3, "whiten": False, "seed": 4}
    flowmc.fit(flow, np.concatenate(fields), **options)
    return flow


def compare(size: int, folder: Path) -> list[Check]:
    """Run HMC and the flow; print, draw, return what is to be checked."""
    steps = 200 if is_quick() else 2000
    target = lattice_target(size)
    start = np.random.default_rng(4).normal(size=(CHAINS, size**2))
    start = start @ np.linalg.cholesky(lattice.free_covariance(size)).T
    found = {}
    figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    for axis, name in zip(axes, ("HMC", "flow"), strict=True):
        if name == "HMC":
            kernel = flowmc.kernels.make("hmc", trajectory_length=TRAJECTORY)
            run = {"num_warmup": 200, "adapt_length": False}
        else:
            draws, start = found["HMC"].theta[::10], found["HMC"].theta[-1]
            flow, run = learn(draws.reshape(-1, size**2), size), {}
            kernel = flowmc.kernels.make("independence", model=flow)
        run |= {"num_steps": steps, "seed": 4}
        chains = flowmc.run_chains(kernel, target, start, **run)
        found[name], magnetization = chains, chains.theta.mean(axis=-1)
        time, error = lattice.autocorrelation_time(magnetization)
        calls = sum(chains.counts[f"{kind}_calls"] for kind in ("log_prob", "gradient"))
        calls /= CHAINS * steps
        print(
            f"{name}, {size} x {size}: acceptance {chains.acceptance.mean():.2f}, "
            f"magnetization forgotten in {time:.1f} +- {error:.1f} steps of "
            f"{calls:.1f} evaluations: {time * calls:.0f}"
        )
        axis.plot(magnetization[:300, 0], drawstyle="steps", lw=1)
        title = f"{name}, {size} x {size} sites: {time * calls:.0f} evaluations"
        axis.set(title=title, ylabel="magnetization")
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set(xlabel="step")
    figure.savefig(folder / "magnetization.png", dpi=120)
    checks = []
    for name, chains in found.items():
        mean, error = lattice.mean_and_error(lattice.motion(chains.theta, size))
        checks.append((f"<phi dS/dphi>, {name}", mean, error, 1.0, 4 * error))
    (ours, error), (theirs, other) = (
        lattice.mean_and_error(size**2 * found[name].theta.mean(axis=-1) ** 2)
        for name in ("flow", "HMC")
    )
    error = float(np.hypot(error, other))
    return [*checks, ("susceptibility, flow", ours, error, theirs, 4 * error)]


def main() -> None:
    """Sample the lattice by two kernels, then the chain."""
    folder = Path("results", "phi4")
    folder.mkdir(parents=True, exist_ok=True)
    checks = compare(int(sys.argv[1]) if len(sys.argv) > 1 else 8, folder)
    exact = phi_four_chain(SITES, field=FIELD)
    # A normal law for each phase serves as well as a network, and is fitted at once.
    few = QUICK | {"num_chains": 16}
    options = few if is_quick() else {"model": "gaussian", "num_draws": 2000}
    chain = flowmc.sample(graph_target(), seed=4, **options)
    found, error = chain.log_evidence, chain.log_evidence_error
    checks.append(("ln Z of the chain", found, error, exact.log_evidence, 0.02))
    upper = exact.is_upper(chain.theta).mean(axis=0)
    found, error = upper.mean(), upper.std() / len(upper) ** 0.5
    checks.append(("weight of its upper phase", found, error, exact.upper_weight, 0.01))
    finish(chain, "phi4", checks)


if __name__ == "__main__":
    main()
