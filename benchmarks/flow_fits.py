"""Held-out KL(p | q) of every family fitted to exact draws, and the largest pi/q.

The KL is the mean of log p - log q over 50,000 fresh exact draws, p normalized; its
standard error is given.  The largest weight is that of the same draws, for the flow
alone and inside the defensive mixture.
"""

__all__ = ["benchmark_targets", "correlated_torus", "measure_fits", "product_of_t"]

import math
import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats

import flowmc
from flowmc import targets
from flowmc.core.errors import FlowmcError
from flowmc.core.registry import MODELS
from flowmc.core.seeds import generator
from flowmc.models import defensive, make

NUM_FRESH = 50_000
CHUNK = 10_000
TORUS_KAPPA = (3.0, 2.0, 1.0)
TORUS_COUPLING = (2.5, 1.5)  # of angles 0 and 1, and of 1 and 2
TORUS_MODE = math.pi  # at the cut of [-pi, pi)


class Density(NamedTuple):
    """A normalized density with exact draws."""

    log_prob: Callable[[np.ndarray], np.ndarray]
    sample: Callable[[int, int], np.ndarray]  # (n, seed) -> [n, D]
    event_size: int
    periodic: tuple[int, ...] = ()


def measure_fits(quick: bool, done: Collection[tuple] = frozenset()) -> Iterator[tuple]:
    """Fit every family to every target at two sizes of training set; yield rows.

    Args:
        quick: Two targets, few draws, few steps.
        done: `(target, draws, family)` to leave out.
    """
    densities = benchmark_targets()
    if quick:
        densities = {name: densities[name] for name in ("rosenbrock10", "torus3")}
    for num_draws in (1_000,) if quick else (10_000, 1_000):
        for target, density in densities.items():
            skip = {family for *key, family in done if key == [target, num_draws]}
            steps = 300 if quick else 5_000
            for row in _rows(density, num_draws, max_steps=steps, skip=skip):
                yield target, num_draws, *row


def benchmark_targets() -> dict[str, Density]:
    """Return the six densities by name."""
    known = {
        "rosenbrock10": targets.rosenbrock(10, prior=None),
        "funnel10": targets.funnel(10, bounded=False),
        "two_gaussians10": targets.two_gaussians(10),
        "student_t10": targets.student_t(10, degrees_of_freedom=3.0),
    }
    densities = {name: _analytic(target) for name, target in known.items()}
    return {
        **densities,
        "t_product10": product_of_t(10, 3.0),
        "torus3": correlated_torus(),
    }


def product_of_t(size: int, degrees_of_freedom: float) -> Density:
    """Return independent Student-t coordinates: tails along the axes."""
    law = stats.t(degrees_of_freedom)
    return Density(
        lambda x: law.logpdf(x).sum(axis=-1),
        lambda n, seed: law.rvs((n, size), random_state=generator(seed)),
        size,
    )


def correlated_torus() -> Density:
    """Return three correlated von Mises angles whose mode lies at the cut.

    log p = sum_i k_i cos(u_i) + l_01 sin(u_0) sin(u_1) + l_12 sin(u_1) sin(u_2) - log Z
    with u the angles from the mode (the sine model of Singh, Hnizdo and Demchuk, 2002).
    """
    num_grid = 96
    grid = 2.0 * math.pi * np.arange(num_grid) / num_grid
    mesh = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1)
    # On a torus the trapezoidal rule converges exponentially.
    values = _torus_energy(mesh)
    log_norm = math.log(np.exp(values).mean()) + 3.0 * math.log(2.0 * math.pi)
    peak = float(values.max())

    def sample(n: int, seed: int) -> np.ndarray:
        random, kept = generator(seed), np.empty((0, 3))
        while len(kept) < n:
            angles = random.uniform(-math.pi, math.pi, size=(200_000, 3))
            # The largest value on the grid is short of the maximum by less than 0.05.
            log_ratio = _torus_energy(angles - TORUS_MODE) - peak - 0.05
            accepted = np.log(random.uniform(size=len(angles))) < log_ratio
            kept = np.concatenate([kept, angles[accepted]])
        return kept[:n]

    return Density(
        lambda x: _torus_energy(x - TORUS_MODE) - log_norm, sample, 3, (0, 1, 2)
    )


def _torus_energy(u: np.ndarray) -> np.ndarray:
    sines = np.sin(u)
    energy = np.cos(u) @ np.asarray(TORUS_KAPPA)
    energy += TORUS_COUPLING[0] * sines[..., 0] * sines[..., 1]
    return energy + TORUS_COUPLING[1] * sines[..., 1] * sines[..., 2]


def _analytic(target: targets.AnalyticTarget) -> Density:
    # Rosenbrock with a flat prior, and every target with a prior, is unnormalized.
    return Density(
        lambda x: target.log_prob_host(x) - target.log_evidence,
        lambda n, seed: target.sample(n, seed=seed),
        target.event_size,
    )


def _rows(
    density: Density, num_draws: int, *, max_steps: int, skip: Collection[str]
) -> Iterator[tuple]:
    draws, fresh = density.sample(num_draws, 1), density.sample(NUM_FRESH, 2)
    log_p = density.log_prob(fresh)
    for family in MODELS:
        if family in skip or not hasattr(MODELS.get(family), "forward_and_log_det"):
            continue
        # A family that has no such map says so: not a row.
        options = {"periodic": density.periodic} if density.periodic else {}
        try:
            model = make(family, event_size=density.event_size, seed=0, **options)
        except FlowmcError:
            continue
        start = time.perf_counter()
        flowmc.fit(model, draws, max_steps=max_steps, seed=0)
        seconds = time.perf_counter() - start
        gap = log_p - _log_prob(model, fresh)
        largest = float(gap.max() / math.log(10.0))
        defended: float | str = "none"
        if not density.periodic:
            mixture = defensive(model)
            mixture.fit_tails(draws)
            defended = float((log_p - _log_prob(mixture, fresh)).max() / math.log(10.0))
        error = float(gap.std() / math.sqrt(NUM_FRESH))
        yield family, float(gap.mean()), error, largest, defended, seconds


def _log_prob(model, x: np.ndarray) -> np.ndarray:
    score = tf.function(model.log_prob, jit_compile=True, autograph=False)
    parts = [score(tf.constant(part)).numpy() for part in np.split(x, len(x) // CHUNK)]
    return np.concatenate(parts)
