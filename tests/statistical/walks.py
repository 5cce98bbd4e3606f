"""Few-sweep invariance inside emcee's own loop: what the tests of its moves share."""

__all__ = ["ensembles", "worst_z", "z_of_ensembles"]

import numpy as np

from tests.statistical.test_flow_move import (
    TARGET,
    exact_moments,
    moments,
    sample,
    z_scores,
)


def worst_z(move, *, num_walkers=60_000, steps=3, seed=7):
    """Start many walkers at exact draws; return the largest z of their moments.

    For moves whose steps do not couple walkers.
    """
    start = TARGET.sample(num_walkers, seed=2)
    sampler = sample(move, start, steps=steps, seed=seed)
    assert sampler.acceptance_fraction.mean() > 0.05
    return np.abs(z_scores(moments(sampler.get_chain()[-1]), exact_moments())).max()


def ensembles(num_ensembles, num_walkers, *, seed=3):
    """Return exact draws `[num_ensembles, num_walkers, 2]`."""
    draws = TARGET.sample(num_ensembles * num_walkers, seed=seed)
    return draws.reshape(num_ensembles, num_walkers, 2)


def z_of_ensembles(move, starts, *, steps=3):
    """Move independent ensembles; return the largest z of their mean moments."""
    ends = [
        sample(move, start, steps=steps, seed=number).get_chain()[-1]
        for number, start in enumerate(starts)
    ]
    means = moments(np.stack(ends)).mean(axis=1)
    return np.abs(z_scores(means, exact_moments())).max()
