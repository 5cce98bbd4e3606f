"""An emcee script before and after one changed line.

A straight line through twelve points whose errors may be underestimated: slope,
intercept, and the log of extra scatter, which the data hardly need, so that its
posterior is a peak with a long plateau below. The table says what `moves=` gains and
what it costs, and both runs are held against the answer by quadrature.

Columns: tau is emcee's autocorrelation time of the slowest parameter; effective draws
per 1000 evaluations count all of a run, burn-in and learning too, or those kept alone.
"""

import sys
import time
from pathlib import Path

import emcee
import matplotlib.pyplot as plt
import numpy as np
from scipy import special
from study import is_quick

import flowmc

NAMES = ("slope", "intercept", "ln_extra")
BOUNDS = ((-10.0, 10.0), (-50.0, 50.0), (-6.0, 2.0))  # of a uniform prior
X = np.array([0.4, 1.1, 1.9, 2.4, 3.3, 4.0, 4.8, 5.1, 6.2, 7.0, 8.1, 9.3])
Y = np.array([3.0, 3.4, 4.9, 4.5, 6.2, 6.9, 7.0, 8.6, 8.9, 10.6, 11.0, 12.9])
ERROR = np.full(12, 0.3)
NUM_WALKERS, NUM_STEPS, NUM_ADAPT = (32, 400, 60) if is_quick() else (32, 5000, 400)


def log_prob(theta: np.ndarray) -> float:
    """Log-posterior of one point `[3]`, as emcee scripts have it."""
    slope, intercept, ln_extra = theta
    if any(not low < v < high for v, (low, high) in zip(theta, BOUNDS, strict=True)):
        return -np.inf
    variance = ERROR**2 + np.exp(2.0 * ln_extra)
    residual = Y - slope * X - intercept
    return -0.5 * np.sum(residual**2 / variance + np.log(2.0 * np.pi * variance))


def target() -> "flowmc.Target":
    """Return the same posterior for `flowmc run examples/emcee_upgrade.toml`."""
    return flowmc.Target(log_prob, names=NAMES, bounds=BOUNDS, vectorized=False)


def exact() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return means and sds `[3]`, and the density of ln_extra on a grid."""
    # Given the scatter, slope and intercept are normal; only ln_extra needs quadrature.
    grid = np.linspace(*BOUNDS[2], 4001)
    design = np.stack([X, np.ones_like(X)], axis=1)
    weight = 1.0 / (ERROR**2 + np.exp(2.0 * grid[:, None]))  # [grid, point]
    precision = np.einsum("gp,pi,pj->gij", weight, design, design)
    inverse = np.linalg.inv(precision)
    mean = np.einsum("gij,gj->gi", inverse, (weight * Y) @ design)
    chi2 = (weight * (Y - mean @ design.T) ** 2).sum(axis=1)
    log_det = np.linalg.slogdet(precision)[1]
    share = special.softmax(0.5 * (np.log(weight).sum(axis=1) - chi2 - log_det))
    first = np.column_stack([mean, grid])
    center, second = share @ first, share @ first**2
    second[:2] += share @ np.diagonal(inverse, axis1=1, axis2=2)
    return center, np.sqrt(second - center**2), grid, share / (grid[1] - grid[0])


def run(moves: list | None) -> dict:
    """Run emcee with `moves`; return draws and what they cost."""
    start = np.random.default_rng(1).normal([1.0, 2.5, -2.0], 0.1, (NUM_WALKERS, 3))
    began = time.perf_counter()
    sampler = emcee.EnsembleSampler(NUM_WALKERS, 3, log_prob, moves=moves)  # this line
    sampler.random_state = np.random.RandomState(7).get_state()
    sampler.run_mcmc(start, NUM_STEPS)
    # The flow says what to drop; of the stretch move alone it is a guess.
    draws = sampler.get_chain(
        discard=moves[0][0].frozen_at if moves else NUM_STEPS // 5
    )
    tau = emcee.autocorr.integrated_time(draws, quiet=True)
    return {"draws": draws, "tau": tau, "seconds": time.perf_counter() - began}


def tell(name: str, found: dict) -> None:
    """Print a line of the table; an evaluation is a call of `log_prob`."""
    calls, tau = NUM_WALKERS * (NUM_STEPS + 1), found["tau"].max()
    size = len(found["draws"]) * NUM_WALKERS / tau
    told = f"{name:12} {calls:11,} {tau:10.1f} {size:10.0f} {1e3 * size / calls:9.1f}"
    print(f"{told} {1e3 / tau:9.1f} {found['seconds']:8.1f}")


def main() -> None:
    """Run both, print the table, judge the draws and hold them against the truth."""
    flow = flowmc.moves.FlowMove("maf", num_adapt=NUM_ADAPT)
    before, after = run(None), run([(flow, 0.8), (emcee.moves.StretchMove(), 0.2)])
    print(f"{'':12} evaluations  worst tau  effective  per 1000  if kept  seconds")
    tell("stretch", before)
    tell("flow+stretch", after)
    print(*flow.report().splitlines()[:5], sep="\n")  # the rest is on the fits
    print(flowmc.diagnose(after["draws"]))
    center, width, grid, density = exact()
    agrees = True
    for name, found in {"stretch": before, "flow+stretch": after}.items():
        flat = found["draws"].reshape(-1, 3)
        error = width * np.sqrt(found["tau"] / len(flat))
        z = (flat.mean(axis=0) - center) / error
        agrees &= bool(np.all(np.abs(z) < 5.0))
        for i, (key, values) in enumerate(zip(NAMES, flat.T, strict=True)):
            told = f"{values.mean():8.4f} +- {error[i]:.4f}, sd {values.std():.4f}"
            truth = f"truth {center[i]:8.4f}, sd {width[i]:.4f}; z {z[i]:+.1f}"
            print(f"{name:12} {key:9} {told}; {truth}")
        plt.hist(flat[:, 2], 80, density=True, histtype="step", label=name)
    plt.plot(grid, density, "k--", label="quadrature")
    plt.gca().set(xlabel="ln(extra scatter)", ylabel="density")
    plt.legend()
    Path("results/emcee_upgrade").mkdir(parents=True, exist_ok=True)
    plt.savefig("results/emcee_upgrade/comparison.png", dpi=120)
    if not agrees and not is_quick():
        sys.exit("The means differ from the truth by more than five errors.")


if __name__ == "__main__":
    main()
