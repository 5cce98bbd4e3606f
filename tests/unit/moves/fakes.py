"""A proposal in plain NumPy, and a sampler around it: no compilation."""

import emcee
import numpy as np

from flowmc.core.seeds import generator
from flowmc.moves.compiled_proposal import Scored

SCALE = 1.5


class NumpyProposal:
    """Draws from a wide normal; `spoil` may damage what it gives."""

    def __init__(self, density=None, *, transform=None, device=""):
        self.seeds = []

    def draw_and_score(self, current, *, seed):
        self.seeds.append(tuple(seed.tolist()))
        points = SCALE * generator(seed).standard_normal(current.shape)
        return self.spoil(Scored(points, log_normal(points), log_normal(current)))

    def spoil(self, scored):
        return scored


def log_normal(points):
    size = points.shape[1]
    constant = size * np.log(SCALE * np.sqrt(2.0 * np.pi))
    return -0.5 * np.sum((points / SCALE) ** 2, axis=1) - constant


def log_prob(theta):
    """A standard normal, `[n, D] -> [n]`."""
    return -0.5 * np.sum(np.square(theta), axis=-1)


def make_sampler(moves, *, function=log_prob, walkers=8, size=2, seed=0, **options):
    options = {"vectorize": True, **options}
    sampler = emcee.EnsembleSampler(walkers, size, function, moves=moves, **options)
    sampler.random_state = np.random.RandomState(seed).get_state()
    return sampler


def start(walkers=8, size=2, seed=0):
    return np.random.default_rng(seed).normal(size=(walkers, size))
