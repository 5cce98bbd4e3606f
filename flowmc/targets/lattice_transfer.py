"""Exact answers for a chain of sites, each coupled to the next: the transfer matrix.

Everything that lies beyond a site is summed up in one function of the field there, its
message.  On an even grid of smooth functions that vanish at its ends, sums converge
faster than any power of the spacing: all figures are exact to rounding.
"""

__all__ = ["Chain", "TransferMatrix"]

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

HALF_WIDTH = 3.0  # of the grid; the wells lie at -1 and 1
REACH = 8.0  # standard deviations of a step that are looked at
MOST_DRAWS = 10_000  # at a time, so that memory stays small


class Chain(NamedTuple):
    """A double-well chain on `size` sites with zeros beyond both ends.

    log p = -stiffness / 2 sum (steps)^2
            - strength sum ((1 - phi^2)^2 / 4 + field phi)
    """

    size: int
    stiffness: float
    strength: float
    field: float

    def wells(self, phi: np.ndarray) -> np.ndarray:
        """Return what the sites cost, each by itself: `[...] -> [...]`."""
        return self.strength * (0.25 * (1.0 - phi**2) ** 2 + self.field * phi)

    def log_density(self, phi: np.ndarray) -> np.ndarray:
        """Return log p, not normalized: `[n, size] -> [n]`."""
        steps = np.diff(phi, axis=-1, prepend=0.0, append=0.0)
        walls = 0.5 * self.stiffness * np.sum(steps**2, axis=-1)
        return -walls - self.wells(phi).sum(axis=-1)


class TransferMatrix:
    """Normalization, marginals and exact draws of a chain.

    Args:
        chain: The chain.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._step_sd = 1.0 / math.sqrt(chain.stiffness)
        # A well has the curvature 2 strength at its bottom.
        self._scale = min(self._step_sd, 1.0 / math.sqrt(2.0 * chain.strength))
        half = math.ceil(4.0 * HALF_WIDTH / self._scale)
        self._grid = 0.25 * self._scale * np.arange(-half, half + 1)
        self._messages = self._log_messages()
        wells = chain.wells(self._grid)
        # Read from the other end, the messages are those of the sites before.
        log_marginals = self._messages + self._messages[::-1] - wells
        masses = logsumexp(log_marginals, axis=-1, keepdims=True)
        self._marginals = np.exp(log_marginals - masses)
        self.log_evidence = float(masses[0, 0] + math.log(self._spacing))
        self.mean = self._marginals @ self._grid
        deviations = (self._grid - self.mean[:, None]) ** 2
        self.standard_deviation = np.sqrt(np.sum(self._marginals * deviations, axis=-1))

    def probability_above_zero(self, site: int) -> float:
        """Return the probability that the field is positive at `site`."""
        density = CubicSpline(self._grid, self._marginals[site])
        low, high = self._grid[0], self._grid[-1]
        return float(density.integrate(0.0, high) / density.integrate(low, high))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return `[n, size]` exact independent draws."""
        sizes = [min(MOST_DRAWS, n - first) for first in range(0, n, MOST_DRAWS)]
        return np.concatenate([self._sample(size, rng) for size in sizes])

    @property
    def _spacing(self) -> float:
        return float(self._grid[1] - self._grid[0])

    def _log_messages(self) -> np.ndarray:
        """Return the log of what lies beyond each site, `[size, grid]`."""
        stiffness, grid = self._chain.stiffness, self._grid
        kernel = -0.5 * stiffness * (grid[:, None] - grid) ** 2
        kernel += math.log(self._spacing) - self._chain.wells(grid)
        messages = [-0.5 * stiffness * grid**2]
        for _ in range(self._chain.size - 1):
            messages.append(logsumexp(kernel + messages[-1], axis=-1))
        return np.stack(messages[::-1])

    def _sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw site after site, each given the one before.

        Each draw has a grid of its own at each site, shifted at random: whatever the
        shift, the sum over the grid is the integral, so the draw is exact.
        """
        spacing = 0.5 * self._scale
        reach = math.ceil(REACH * self._step_sd / spacing)
        offsets = np.arange(-reach, reach)
        phi = np.zeros((n, self._chain.size + 1))  # the zero before the first site
        for site, message in enumerate(self._messages):
            steps = spacing * (offsets + rng.uniform(size=(n, 1)))
            there = phi[:, site, None] + steps
            log_weight = CubicSpline(self._grid, message)(there)
            log_weight -= self._chain.wells(there)
            log_weight -= 0.5 * self._chain.stiffness * steps**2
            log_weight -= log_weight.max(axis=-1, keepdims=True)
            cumulated = np.cumsum(np.exp(log_weight), axis=-1)
            level = rng.uniform(size=(n, 1)) * cumulated[:, -1:]
            chosen = np.sum(cumulated <= level, axis=-1)
            phi[:, site + 1] = there[np.arange(n), chosen]
        return phi[:, 1:]
