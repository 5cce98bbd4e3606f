"""How well chains mix for what they evaluated, as the VAE benchmarks count it."""

__all__ = ["Mixing", "median_rows", "measure_mixing", "plane_of", "surface"]

import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from flowmc.results.chain_statistics import chain_statistics

COSTS = ("log_prob_calls", "gradient_calls")


class Mixing(NamedTuple):
    """Effective draws, bulk ESS, and what they cost; the gradient counts as one."""

    acceptance: float
    worst: float  # ESS per 1000 evaluations, of the worst coordinate
    surface: float  # the same, of the worst function of the place on the surface
    per_draw: float  # ESS per draw of the worst coordinate
    cost: float  # evaluations a draw
    warmup: int  # evaluations


def measure_mixing(chains: Any, functions: np.ndarray | None = None) -> Mixing:
    """Return the mixing of `Chains`; `functions` `[num_steps, num_chains, F]`."""
    cost = sum(chains.counts[name] for name in COSTS)
    num_draws = chains.log_prob.size
    worst = _worst(chains.theta)
    return Mixing(
        float(chains.acceptance.mean()),
        1e3 * worst / cost,
        1e3 * _worst(chains.theta if functions is None else functions) / cost,
        worst / num_draws,
        cost / num_draws,
        sum(chains.warmup_counts[name] for name in COSTS),
    )


def plane_of(target: Any) -> np.ndarray:
    """Return the axes `[D, 2]` of the plane that ring and roll are bent in.

    Noise and the roll's width are told from it by their draws: a ring's widest two
    directions, and a roll's second and third widest.
    """
    draws = target.sample(50_000, seed=17)
    axes = np.linalg.eigh(np.cov(draws.T))[1][:, ::-1]
    return axes[:, 1:3] if target.name == "swiss_roll" else axes[:, :2]


def surface(theta: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return cosine and sine of the angle, of twice the angle, and the radius."""
    y = theta @ plane
    point = y[..., 0] + 1j * y[..., 1]
    radius = np.abs(point)
    once = point / radius
    twice = once**2
    return np.stack([once.real, once.imag, twice.real, twice.imag, radius], axis=-1)


def median_rows(rows: Iterable[tuple], *, num_labels: int) -> list[tuple]:
    """Return one row for all seeds of the same labels: the medians of the figures."""
    groups: dict[tuple, list[tuple]] = {}
    for row in rows:
        groups.setdefault(tuple(row[:num_labels]), []).append(row[num_labels:])
    return [
        (*labels, *(statistics.median(column) for column in zip(*group, strict=True)))
        for labels, group in groups.items()
    ]


def _worst(functions: np.ndarray) -> float:
    """Return the least bulk ESS; 0 where a chain never moved."""
    sizes = [
        chain_statistics(functions[..., index]).ess_bulk
        for index in range(functions.shape[-1])
    ]
    return float(np.nan_to_num(sizes).min())
