"""What each sampler problem asks of a run, with the figure found and whether it is met.

A check is `met` where the goal is reached.  It is `right` where the answer is no
further from the truth than 400 effective draws, which a good verdict promises, may
bring it: four standard errors, and never narrower than the goal.  That, and not the
goal, says whether a verdict was honest.
"""

__all__ = [
    "Check",
    "Outcome",
    "funnel",
    "gaussian",
    "heavy_tails",
    "lattice",
    "mixture",
    "one_mode",
    "rosenbrock",
]

import math
from typing import NamedTuple

import numpy as np
from scipy import special, stats

PROMISED = 400.0  # effective draws behind every good verdict
LEAST_IID = 100.0  # a quarter of them: one run scatters by two, bias costs the rest
SIGMAS = 4.0
LATTICE_TRUTH, MIXTURE_TRUTH = 0.17225, 1.0 / 3.0
FUNNEL_LEVELS = (0.01, 0.05, 0.95, 0.99)


class Check(NamedTuple):
    """One question to a run, and its answer."""

    name: str
    value: float
    goal: str
    met: bool
    right: bool | None = None  # None where it is no matter of truth


class Outcome(NamedTuple):
    """A run as the judges see it."""

    theta: np.ndarray  # [num_draws, num_chains, D]
    iid: float
    evaluations: int
    gradients: int
    longest_stuck_run: int
    verdict_ok: bool | None
    reasons: tuple[str, ...]

    @property
    def rate(self) -> float:
        """iid-equivalent draws per 1000 gradients, or evaluations where none was."""
        return 1e3 * self.iid / max(self.gradients or self.evaluations, 1)


def rosenbrock(run: Outcome, *, rate: float) -> list[Check]:
    """Judge by iid-equivalent draws alone."""
    counted = "gradients" if run.gradients else "evaluations"
    return [
        _worth(run, 2000.0),
        _at_least(f"iid per 1000 {counted}", run.rate, rate),
    ]


def mixture(run: Outcome) -> list[Check]:
    """Judge the weight of the mode at +5, and count crossings."""
    is_upper = run.theta.mean(axis=-1) > 0.0
    error = math.sqrt(MIXTURE_TRUTH * (1.0 - MIXTURE_TRUTH) / PROMISED)
    return [
        _near("weight", is_upper.mean(), MIXTURE_TRUTH, tolerance=0.02, error=error),
        _at_least("crossings", _crossings(is_upper), 1),
        _at_most("evaluations", run.evaluations, 100_000),
        _worth(run),
    ]


def one_mode(run: Outcome) -> list[Check]:
    """Judge a run that started in one mode: the other found, or the alarm raised."""
    weight, crossings, cost, worth = mixture(run)
    is_alarmed = any("mode" in reason.lower() for reason in run.reasons)
    met = weight.met or (run.verdict_ok is False and is_alarmed)
    found = "found, or the alarm raised"
    return [
        weight._replace(goal=f"{weight.goal}: {found}", met=met),
        crossings._replace(met=crossings.met or met),
        cost,
        worth,
    ]


def funnel(run: Outcome) -> list[Check]:
    """Judge the neck by moments and quantiles, the body by x exp(-v/2)."""
    v = run.theta[..., 0]
    body = run.theta[..., 1:] * np.exp(-0.5 * v[..., None])
    grid, density, mean, deviation = _neck()
    cumulative = np.cumsum(density) / density.sum()
    error = deviation / math.sqrt(PROMISED)
    checks = [
        _near("E[v]", v.mean(), mean, tolerance=0.15, error=error),
        _near(
            "sd(v)",
            v.std(),
            deviation,
            tolerance=0.05 * deviation,
            error=error / math.sqrt(2.0),
        ),
    ]
    step = grid[1] - grid[0]
    for level in FUNNEL_LEVELS:
        truth = float(np.interp(level, cumulative, grid))
        height = np.interp(truth, grid, density) / density.sum() / step
        error = math.sqrt(level * (1.0 - level) / PROMISED) / height
        value = np.quantile(v, level)
        name = f"{100 * level:g} % of v"
        checks.append(_near(name, value, truth, tolerance=0.3, error=error))
    worst = np.abs(body.std(axis=(0, 1)) - 1.0).max()
    # The box cuts the mouth, by less than the tolerance.
    error = 1.0 / math.sqrt(2.0 * PROMISED)
    checks.append(
        _near("sd of x e^(-v/2)", 1.0 + worst, 1.0, tolerance=0.05, error=error)
    )
    cost, limit = "evaluations", 100_000
    if run.gradients:
        cost, limit = "gradients", 300_000
    spent = max(run.gradients, run.evaluations)
    return [*checks, _at_most(cost, spent, limit)]


def lattice(run: Outcome) -> list[Check]:
    """Judge the weight of the phase phi_mid > 0, and count crossings."""
    is_upper = run.theta[..., run.theta.shape[-1] // 2] > 0.0
    error = math.sqrt(LATTICE_TRUTH * (1.0 - LATTICE_TRUTH) / PROMISED)
    truth = LATTICE_TRUTH
    return [
        _near("P(phi_mid > 0)", is_upper.mean(), truth, tolerance=0.01, error=error),
        _at_least("crossings", _crossings(is_upper), 100),
        _worth(run),
    ]


def gaussian(run: Outcome) -> list[Check]:
    """Judge by iid-equivalent draws; the rate is compared with the peers'."""
    return [_worth(run, 986.0)]


def heavy_tails(
    run: Outcome, *, location: np.ndarray, scale: np.ndarray, degrees: float
) -> list[Check]:
    """Judge the worst 1 and 99 % quantile of any coordinate, and stuck chains."""
    flat = run.theta.reshape(-1, len(location))
    end = stats.t.ppf(0.99, degrees)
    found = (np.quantile(flat, [0.01, 0.99], axis=0) - location) / (scale * end)
    off = np.abs(np.abs(found) - 1.0)
    height = stats.t.pdf(end, degrees)
    error = math.sqrt(0.01 * 0.99 / PROMISED) / height / end
    worst = 1.0 + float(off.max())
    checks = [
        _near("1/99 % quantiles", worst, 1.0, tolerance=0.1, error=error),
        _at_most("longest stuck run", run.longest_stuck_run, 100),
    ]
    return [*checks, _worth(run)]


def _worth(run: Outcome, goal: float | None = None) -> Check:
    text = "" if goal is None else f">= {goal:g}"
    met = goal is None or run.iid >= goal
    return Check("iid", run.iid, text, met, run.iid >= LEAST_IID)


def _near(
    name: str, value: float, truth: float, *, tolerance: float, error: float
) -> Check:
    distance = abs(float(value) - truth)
    allowed = max(tolerance, SIGMAS * error)
    goal = f"{truth:.4g} +- {tolerance:.2g}"
    return Check(name, float(value), goal, distance <= tolerance, distance <= allowed)


def _at_least(name: str, value: float, bound: float) -> Check:
    return Check(name, float(value), f">= {bound:g}", bool(value >= bound))


def _at_most(name: str, value: float, bound: float) -> Check:
    return Check(name, float(value), f"<= {bound:g}", bool(value <= bound))


def _crossings(is_upper: np.ndarray) -> int:
    """Count changes of side along each chain of `[num_draws, num_chains]`."""
    return int(np.sum(is_upper[1:] != is_upper[:-1]))


def _neck() -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return grid, density, mean and sd of the neck of the funnel in its box."""
    v = np.linspace(-15.0, 15.0, 20_001)
    inside = special.erf(200.0 * np.exp(-0.5 * v) / math.sqrt(2.0)) ** 9
    density = stats.norm.pdf(v, scale=3.0) * inside
    weight = density / density.sum()
    mean = float(weight @ v)
    return v, density, mean, math.sqrt(weight @ (v - mean) ** 2)
