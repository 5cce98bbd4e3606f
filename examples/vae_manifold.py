"""A variational autoencoder moves along a thin ring in eight dimensions.

The posterior is a circle of radius 1 with noise of width 0.05 around it, rotated so
that no coordinate is special. Short chains of Hamiltonian Monte Carlo teach a VAE where
the circle is; then jumps and walks through its codes, exact whatever it learned, are
held against the exact moments, and beside the same HMC.

Chains start on the circle. Effective draws are those of the worst coordinate; a
gradient counts as one evaluation.
"""

import sys
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from study import is_quick

import flowmc
from flowmc.results.chain_statistics import chain_statistics

SIZE, NUM_CHAINS = 8, 64
RING = flowmc.targets.noisy_ring(SIZE)
LEARN, STEPS, FIT = (50, 300, 1200) if is_quick() else (300, 4000, 4000)
HMC = {"step_size": 0.05, "trajectory_length": 1.5}
FOLDER = Path("results", "vae_manifold")


def target() -> "flowmc.Target":
    """Return the ring in a box, for `flowmc run examples/vae_manifold.toml`."""
    return RING.target(bounds=[(-2.0, 2.0)] * SIZE)


def evaluations(chains: Any) -> int:
    """Return the evaluations of the log-density and of its gradient."""
    return chains.counts["log_prob_calls"] + chains.counts["gradient_calls"]


def report(name: str, chains: Any, *, spent: int = 0) -> np.ndarray:
    """Print a line on the chains; return the Monte Carlo errors of the means `[D]`."""
    found = [chain_statistics(chains.theta[..., i]) for i in range(SIZE)]
    counts = evaluations(chains)
    least = min(one.ess_bulk for one in found)
    rate, seconds = chains.acceptance.mean(), sum(chains.seconds.values())
    print(
        f"{name:20} {rate:10.2f} {spent + counts:12,} {least:10.0f} "
        f"{1e3 * least / counts:9.1f} {seconds:8.1f}"
    )
    return np.array([one.mcse_mean for one in found])


def learn(draws: np.ndarray) -> Any:
    """Return a VAE of one code that has seen `draws` `[n, D]`."""
    vae = flowmc.models.make("vae", event_size=SIZE, latent_size=1, seed=1)
    # The noise is as wide in all directions, which whitening would hide.
    print(flowmc.fit(vae, draws, whiten=False, max_steps=FIT, seed=1))
    return vae


def moves_of(vae: Any) -> Any:
    """Return a kernel that jumps or walks through the codes of the VAE."""
    jump = flowmc.kernels.make("latent_independence", model=vae, num_importance=8)
    walk = flowmc.kernels.make("latent_walk", model=vae, step_size=1.0)
    return flowmc.kernels.make("mixture", kernels=[jump, walk])


def plane() -> np.ndarray:
    """Return the plane `[D, 2]` of the circle, for the picture alone."""
    return np.linalg.eigh(np.cov(RING.sample(20_000, seed=2).T))[1][:, -2:]


def main() -> None:
    """Learn from HMC, move by the VAE, and hold both against the exact moments."""
    ring, start = RING.target(), RING.sample(NUM_CHAINS, seed=1)
    run, began = flowmc.run_chains, time.perf_counter()
    print(f"{'':20} acceptance  evaluations  effective  per 1000  seconds")
    hmc = run(flowmc.kernels.make("hmc", **HMC), ring, start, num_steps=LEARN, seed=1)
    report("HMC", hmc)
    vae = learn(hmc.theta.reshape(-1, SIZE))
    kernel = moves_of(vae)
    chains = run(kernel, ring, hmc.theta[-1], num_steps=STEPS, seed=2)
    error = report("VAE, jump or walk", chains, spent=evaluations(hmc))
    for part, name in enumerate(("latent_independence", "latent_walk")):
        rate = chains.acceptance[chains.kernel == part]
        print(f"  {name}: acceptance {rate.mean():.2f}")
    print(flowmc.diagnose(chains.theta))
    print(f"All of it took {time.perf_counter() - began:.0f} s.")

    flat = chains.theta.reshape(-1, SIZE)
    z = (flat.mean(axis=0) - RING.mean) / error
    widths = flat.std(axis=0) / RING.standard_deviation
    print(f"means: z from {z.min():+.1f} to {z.max():+.1f}, of {SIZE}")
    print(f"sd over the exact one: {widths.min():.4f} to {widths.max():.4f}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    for axis, (title, one) in zip(
        axes, {"HMC": hmc, "VAE, jump or walk": chains}.items(), strict=True
    ):
        cost = evaluations(one) / one.log_prob.size
        path, steps = one.theta[:200] @ plane(), round(100 / cost)
        axis.plot(*path.reshape(-1, 2).T, ",", color="0.7")
        axis.plot(*path[: steps + 1, 0].T, ".-", lw=0.5, ms=4)
        axis.set(title=f"{title}: {steps} steps", aspect="equal")
    figure.suptitle("One chain in blue, for 100 evaluations")
    figure.savefig(FOLDER / "chains.png", dpi=120)
    right = np.all(np.abs(z) < 5.0) and np.all(np.abs(widths - 1.0) < 0.02)
    if not right and not is_quick():
        sys.exit("The moments differ from the exact ones.")


if __name__ == "__main__":
    main()
