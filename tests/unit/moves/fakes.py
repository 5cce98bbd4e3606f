"""Proposals in plain NumPy, and samplers around them: no compilation."""

import emcee
import numpy as np

from flowmc.core.seeds import generator
from flowmc.moves import FlowMove, GlobalLocalMove, PreconditionedMove, VAEMove
from flowmc.moves.compiled_proposal import Scored

SCALE = 1.5
TUNED_STEP = 0.8


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


class NumpyWalk(NumpyProposal):
    """Takes a normal step, symmetric."""

    def __init__(self, inner=None, model=None, *, transform=None, device=""):
        super().__init__()

    def draw_and_score(self, current, *, seed):
        self.seeds.append(tuple(seed.tolist()))
        step = generator(seed).standard_normal(current.shape)
        flat = np.zeros(len(current))
        return self.spoil(Scored(current + TUNED_STEP * step, flat, flat.copy()))


class NumpyMap:
    """The map that leaves everything where it is."""

    def __init__(self, model=None, *, transform=None, device=""):
        pass

    def to_z(self, theta):
        return theta, np.zeros(len(theta))

    def to_theta(self, z):
        return self.spoil(z.copy(), np.zeros(len(z)))

    def spoil(self, theta, log_q):
        return theta, log_q


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


def maker(kind, *arguments, **fixed):
    """Return a function that makes a move, which fits twice, of a number of steps."""

    def make(num_adapt, **options):
        settings = {"train_every": max(1, num_adapt // 2), **fixed, **options}
        return kind(*arguments, num_adapt, **settings)

    return make


MAKERS = {
    "flow": maker(FlowMove, "gaussian"),
    "exact": maker(FlowMove, "gaussian", learn_from="complement"),
    "vae": maker(VAEMove, "vae", latent_size=1),
    "t_pcn": maker(PreconditionedMove, "gaussian"),
    "random_walk": maker(PreconditionedMove, "gaussian", kernel="random_walk"),
    "stretch": maker(PreconditionedMove, "gaussian", kernel="stretch"),
    "schedule": maker(GlobalLocalMove, "gaussian"),
}


def start(walkers=8, size=2, seed=0):
    return np.random.default_rng(seed).normal(size=(walkers, size))
