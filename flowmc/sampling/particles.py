"""The cloud of an annealing: what it is, and how large."""

__all__ = ["Particles", "correlation", "num_particles"]

from typing import NamedTuple

import numpy as np

from flowmc.sampling.engine import Engine

LEAST_PARTICLES = 64  # few particles find few modes
PARTICLES_PER_DIMENSION = 8  # fewer do not span the space that a map is fitted to


class Particles(NamedTuple):
    """The cloud at one temperature."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], target
    inverse_temperature: float
    step_size: float
    log_evidence: float  # of the target at this temperature
    acceptance: dict  # by kernel, NaN before the first move
    num_dead: int = 0  # temperatures in succession at which jumps were dead

    @property
    def known_acceptance(self) -> dict:
        """By kernel, empty before the first move."""
        return {k: rate for k, rate in self.acceptance.items() if np.isfinite(rate)}


def num_particles(engine: Engine, *, per_chain: int, is_small: bool = False) -> int:
    """Return the size of a cloud, a multiple of the chains.

    Args:
        engine: Of the run.
        per_chain: Particles for each chain, at least.
        is_small: Whether the cloud is only to look around.
    """
    chains, size = engine.num_chains, engine.space.event_size
    most = engine.schedule.anneal.max_particles
    spanning = 0 if is_small else min(PARTICLES_PER_DIMENSION * size, most)
    wanted = max(per_chain * chains, spanning, LEAST_PARTICLES)
    return chains * -(-wanted // chains)


def correlation(before: np.ndarray, after: np.ndarray) -> float:
    """Return the largest correlation of a coordinate with its former value."""
    a = before - before.mean(axis=0)
    b = after - after.mean(axis=0)
    norm = np.sqrt(np.sum(a**2, axis=0) * np.sum(b**2, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nanmax(np.sum(a * b, axis=0) / norm))
