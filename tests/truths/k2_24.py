"""Exact moments, quantiles and evidence of the K2-24 posterior, by quadrature.

Given (logk1, logk2, jit) the model is linear in zero point, slope and curvature, so
these three are integrated in closed form; the other three lie on a grid of
Gauss-Legendre panels that reaches 8 prior sd below the mean, plateaus included.
Independent of `examples/k2_24.py`.  Run `python tests/truths/k2_24.py` to rewrite the
JSON file beside it.
"""

__all__ = ["compute_truth", "main"]

import csv
import json
import math
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from scipy import optimize, special

NAMES = ("logk1", "logk2", "dvdt", "curv", "jit")
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
PLATEAU = -3.0  # below it the planet's signal is under 0.05 m/s
LOG5, LOG3 = math.log(5.0), math.log(3.0)


class Axis(NamedTuple):
    """Quadrature nodes and weights `[panels * order]` between `edges`."""

    nodes: np.ndarray
    weights: np.ndarray
    edges: np.ndarray  # [panels + 1]


class Grid(NamedTuple):
    """Posterior mass on the grid, and the linear parameters' conditional moments."""

    axes: tuple[Axis, Axis, Axis]  # logk1, logk2, jit
    mass: np.ndarray  # [n1, n2, nj], sums to 1
    log_evidence: float
    mean: np.ndarray  # [2, n1, n2, nj]: E[dvdt, curv | logk1, logk2, jit]
    sd: np.ndarray  # [2, nj]: it depends on jit alone


def panels(edges: list[float], *, order: int) -> Axis:
    """Return Gauss-Legendre nodes of `order` on each interval between `edges`."""
    x, w = special.roots_legendre(order)
    ends = np.array(edges)
    half = np.diff(ends)[:, None] / 2
    return Axis((ends[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel(), ends)


def read_data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, velocities and errors `[32]`."""
    folder = Path(sysconfig.get_path("data"), "radvel_example_data")
    with (folder / "epic203771098.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        np.array([float(row[key]) for row in rows]) for key in ("t", "vel", "errvel")
    )


def orbit(time: np.ndarray, period: float, conjunction: float) -> np.ndarray:
    """Return the unit Keplerian by bisection-safe root finding, point by point."""
    e, w = 2e-4, math.pi / 4
    factor = math.sqrt((1 - e) / (1 + e))
    start = 2 * math.atan(factor * math.tan((math.pi / 2 - w) / 2))
    periastron = conjunction - period / (2 * math.pi) * (start - e * math.sin(start))
    velocity = np.empty_like(time)
    for i, mean in enumerate(2 * math.pi * (time - periastron) / period):
        root = optimize.brentq(
            lambda E, M=mean: E - e * math.sin(E) - M, mean - 1, mean + 1, xtol=1e-14
        )
        sine, cosine = math.sin(root), math.cos(root)
        true = math.atan2(math.sqrt(1 - e * e) * sine, cosine - e)
        velocity[i] = math.cos(true + w) + e * math.cos(w)
    return velocity


def log_normal(x: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Return the log-density of Normal(mean, sd)."""
    return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))


def marginalize(jit: float, k1: np.ndarray, k2: np.ndarray, columns: tuple) -> tuple:
    """Integrate out zero point, slope and curvature at one value of the jitter.

    Returns:
        The log-density over `k1 x k2` `[n1, n2]` without the priors of (logk1, logk2);
        the conditional means of slope and curvature `[2, n1, n2]`; their sd `[2]`.
    """
    signals, linear, error = columns
    variance = error**2 + jit**2
    weighted = linear / variance[:, None]
    # Prior precisions: flat zero point, N(0, 1), N(0, 0.1).
    fisher = linear.T @ weighted + np.diag([0.0, 1.0, 100.0])
    covariance = np.linalg.inv(fisher)
    solve = covariance @ weighted.T  # [3, 32]: data -> mean of linear parameters
    q = signals.T @ (np.diag(1 / variance) - weighted @ solve) @ signals
    chi2 = q[0, 0] - 2 * k1 * q[0, 1] - 2 * k2 * q[0, 2]
    chi2 = chi2 + k1**2 * q[1, 1] + k2**2 * q[2, 2] + 2 * k1 * k2 * q[1, 2]
    log_norm = np.log(2 * np.pi * variance).sum() - np.log(2 * np.pi)
    log_norm += np.linalg.slogdet(fisher)[1] - np.log(100.0)
    log_density = -0.5 * (chi2 + log_norm) + log_normal(jit, LOG3, 0.5)
    slopes = solve[1:] @ signals  # [2, 3]
    mean = [constant - k1 * a - k2 * b for constant, a, b in slopes]
    return log_density, np.stack(mean), np.sqrt(np.diag(covariance)[1:])


def build_grid(*, order: int) -> Grid:
    """Evaluate the marginal posterior of (logk1, logk2, jit) on panels of `order`."""
    coarse, fine = [-80.0, -40.0, -20.0, -10.0], [-6.0, *np.linspace(-3, 4, 15), 8.0]
    logk = panels([*coarse, *fine], order=order)
    jit = panels([-3.0, -1.0, *np.linspace(0, 5, 9), 7.0], order=order)
    time, velocity, error = read_data()
    orbits = [orbit(time, 20.885258, 2072.79438), orbit(time, 42.363011, 2082.62516)]
    tau = time - 2420.0
    columns = (
        np.stack([velocity, *orbits], axis=1),
        np.stack([np.ones_like(tau), tau, tau**2], axis=1),
        error,
    )
    k = np.exp(logk.nodes)
    at = [marginalize(value, k[:, None], k[None, :], columns) for value in jit.nodes]
    log_density, mean, sd = (
        np.stack(parts, axis=-1) for parts in zip(*at, strict=True)
    )
    log_prior = log_normal(logk.nodes, LOG5, 10.0)
    log_density += log_prior[:, None, None] + log_prior[None, :, None]
    peak = log_density.max()
    mass = np.exp(log_density - peak) * jit.weights
    mass *= logk.weights[:, None, None] * logk.weights[None, :, None]
    total = mass.sum()
    log_evidence = float(np.log(total) + peak)
    return Grid((logk, logk, jit), mass / total, log_evidence, mean, sd)


def grid_statistics(axis: Axis, mass: np.ndarray) -> dict[str, float]:
    """Return moments and quantiles of one gridded parameter from its masses `[n]`."""
    mean = float((mass * axis.nodes).sum())
    sd = math.sqrt((mass * (axis.nodes - mean) ** 2).sum())
    num_panels = axis.edges.size - 1
    by_panel = mass.reshape(num_panels, -1)
    order = by_panel.shape[1]
    x, _ = special.roots_legendre(order)
    below = np.concatenate([[0.0], np.cumsum(by_panel.sum(axis=1))])

    def quantile(level: float) -> float:
        # Inside its panel the density is the polynomial through the nodes.
        i = int(np.searchsorted(below, level)) - 1
        scale = (np.arange(order) + 0.5)[:, None]
        coefficients = (scale * legendre.legvander(x, order - 1).T) @ by_panel[i]
        antiderivative = legendre.legint(coefficients, lbnd=-1)
        root = optimize.brentq(
            lambda u: below[i] + legendre.legval(u, antiderivative) - level, -1, 1
        )
        low, high = axis.edges[i], axis.edges[i + 1]
        return float(low + (high - low) * (root + 1) / 2)

    return {"mean": mean, "sd": sd} | _named(quantile)


def linear_statistics(grid: Grid, index: int) -> dict[str, float]:
    """Return moments and quantiles of a linear parameter: a mixture of normals."""
    keep = grid.mass > 1e-13
    weight, center = grid.mass[keep], grid.mean[index][keep]
    sd = np.broadcast_to(grid.sd[index], grid.mass.shape)[keep]
    weight = weight / weight.sum()
    mean = float((weight * center).sum())
    total_sd = math.sqrt((weight * (sd**2 + (center - mean) ** 2)).sum())

    def quantile(level: float) -> float:
        return optimize.brentq(
            lambda x: float((weight * special.ndtr((x - center) / sd)).sum()) - level,
            mean - 5 * total_sd,
            mean + 5 * total_sd,
            xtol=1e-9 * total_sd,
        )

    return {"mean": mean, "sd": total_sd} | _named(quantile)


def compute_truth(*, order: int = 16) -> dict:
    """Return evidence, moments and quantiles of all five parameters."""
    grid = build_grid(order=order)
    logk1, logk2, jit = grid.axes
    mass2 = grid.mass.sum(axis=(0, 2))
    above = mass2 * (logk2.nodes > PLATEAU)
    cut = grid_statistics(logk2, above / above.sum())
    parameters = {
        "logk1": grid_statistics(logk1, grid.mass.sum(axis=(1, 2))),
        "logk2": grid_statistics(logk2, mass2)
        | {
            "mean_above_plateau": cut["mean"],
            "sd_above_plateau": cut["sd"],
            "plateau_mass": float(1 - above.sum()),
        },
        "dvdt": linear_statistics(grid, 0),
        "curv": linear_statistics(grid, 1),
        "jit": grid_statistics(jit, grid.mass.sum(axis=(0, 1))),
    }
    return {"log_evidence": grid.log_evidence, "parameters": parameters}


def main() -> None:
    """Compute at two resolutions, insist that they agree, write the finer one."""
    coarse, fine = compute_truth(order=12), compute_truth(order=16)
    worst = abs(coarse["log_evidence"] - fine["log_evidence"])
    for name in NAMES:
        here, there = coarse["parameters"][name], fine["parameters"][name]
        worst = max(worst, *(abs(here[k] - there[k]) / there["sd"] for k in here))
    if worst > 1e-5:
        sys.exit(f"The two resolutions differ by {worst:.1e} sd; refine the panels.")
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(fine, indent=2) + "\n")
    sys.stdout.write(f"{path}: resolutions agree to {worst:.1e}\n")


def _named(quantile) -> dict[str, float]:
    return {f"q{round(100 * level):02d}": quantile(level) for level in LEVELS}


if __name__ == "__main__":
    main()
