"""Clusters as a proposal: few-sweep invariance, alone and mixed; its controls."""

import numpy as np
import pytest

from flowmc import models
from flowmc.kernels.independence import Independence
from flowmc.models.clusters import NormalClusters
from flowmc.models.mixture import MixtureDensity
from tests.statistical.invariance import (
    FAIL,
    PASS,
    TARGET,
    flow,
    largest_z,
    run_eager,
    run_graph,
)

WIDE = 0.1  # share of the laws' wider copies, as in `sample_smc`


class OneLawScored(NormalClusters):
    """A mistake: points of all laws, scored by the whole of one."""

    def log_prob(self, x):
        return models.make("gaussian", event_size=2).log_prob(x)


class SharesForgotten(NormalClusters):
    """A mistake: the density of laws with equal shares."""

    def log_prob(self, x):
        equal = NormalClusters(2)
        mixture = self.mixture
        share = np.full(mixture.num_laws, 1.0 / mixture.num_laws)
        equal.set(mixture._replace(share=share))
        return equal.log_prob(x)


def fitted(kind=NormalClusters, **options):
    """Laws fitted to few draws, and made worse: shares far from the right ones."""
    clusters = kind(2, **options)
    clusters.fit(TARGET.sample(2000, seed=5), random=np.random.default_rng(0))
    mixture = clusters.mixture
    assert mixture.num_laws > 1
    share = np.geomspace(1.0, 8.0, mixture.num_laws)
    clusters.set(mixture._replace(share=share / share.sum()))
    return clusters


def kernel(model):
    return Independence(
        target_log_prob_fn=TARGET.graph_fn, model=models.defensive(model)
    )


@pytest.mark.parametrize("wide_share", [0.0, WIDE])
@pytest.mark.parametrize("run", [run_eager, run_graph])
def test_clusters_leave_the_target_invariant(run, wide_share):
    state = run(kernel(fitted(wide_share=wide_share)))
    assert largest_z(np.asarray(state.position)) < PASS


def test_clusters_beside_a_flow_leave_the_target_invariant():
    mixture = MixtureDensity([flow(), fitted()], weights=[0.6, 0.4])
    assert largest_z(np.asarray(run_graph(kernel(mixture)).position)) < PASS


@pytest.mark.parametrize("mistake", [OneLawScored, SharesForgotten])
def test_a_wrong_density_is_seen(mistake):
    state = run_eager(kernel(fitted(mistake)))
    assert largest_z(np.asarray(state.position)) > FAIL
