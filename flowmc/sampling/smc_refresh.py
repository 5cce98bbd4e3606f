"""Particles put where proposals have found the target, and particles may have not."""

__all__ = ["refreshed", "untouched"]

import numpy as np

from flowmc.sampling.engine import Engine
from flowmc.sampling.particles import Particles
from flowmc.sampling.recycled import Recycled, WeightedRows
from flowmc.sampling.smc_draw import log_q_of

REFRESHED = 0.2  # of the particles, from proposals; as many from rare ones


def refreshed(
    engine: Engine,
    recycled: Recycled,
    particles: Particles,
    *,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Put some particles where proposals found weight, and where hardly any go.

    A region that the particles have lost, and an earlier proposal met, is populated
    again: what it is worth is for the next map to tell, once chains have been there.
    The particles are in random order, those put elsewhere first.
    """
    order = random.permutation(len(particles.x))
    x, log_prob = particles.x[order], particles.log_prob[order]
    rare = recycled.rare(
        1.0, lambda x: log_q_of(engine, x), log_evidence=particles.log_evidence
    )
    places = np.arange(len(x))
    for rows in (recycled.last(1.0), _joined(rare)):
        if rows is None or not np.isfinite(rows.log_weight).any():
            continue
        count = int(REFRESHED * len(x))
        chosen, places = places[:count], places[count:]
        x[chosen], log_prob[chosen], _ = rows.resample(count, random=random)
    return x, log_prob


def untouched(num_chains: int) -> slice:
    """Return which particles of a window were surely put nowhere."""
    return slice(2 * int(REFRESHED * num_chains), None)


def _joined(parts: list[WeightedRows]) -> WeightedRows | None:
    """Return the rows of several sets as one."""
    if not parts:
        return None
    columns = zip(*(rows[:4] for rows in parts), strict=True)
    x, log_prob, reference, log_weight = (np.concatenate(c) for c in columns)
    return WeightedRows(x, log_prob, reference, log_weight, 0.0, 0.0)
