"""A flow with a wider base as a proposal: few-sweep invariance, and its controls."""

import numpy as np
import pytest

from flowmc.models.mixture import MixtureDensity
from flowmc.models.widened import WidenedFlow
from tests.statistical.invariance import (
    FAIL,
    PASS,
    flow,
    largest_z,
    run_eager,
    run_graph,
)
from tests.statistical.test_clusters import fitted, kernel

SHARE = 0.3


class WideCopyForgotten(WidenedFlow):
    """A mistake: wide draws, scored as the flow's own."""

    def _base_log_prob(self, z):
        return self.flow.base.log_prob(z)


class VolumeForgotten(WidenedFlow):
    """A mistake: the wide copy's density without its volume."""

    def _base_log_prob(self, z):
        correct = self.width
        self.width = 1.0
        narrow = super()._base_log_prob(z / correct)
        self.width = correct
        return narrow


@pytest.mark.parametrize("run", [run_eager, run_graph])
def test_a_widened_flow_leaves_the_target_invariant(run):
    state = run(kernel(WidenedFlow(flow(), share=SHARE)))
    assert largest_z(np.asarray(state.position)) < PASS


def test_it_does_beside_clusters():
    parts = [WidenedFlow(flow(), share=SHARE), fitted(wide_share=0.1)]
    mixture = MixtureDensity(parts, weights=[0.6, 0.4])
    assert largest_z(np.asarray(run_graph(kernel(mixture)).position)) < PASS


@pytest.mark.parametrize("mistake", [WideCopyForgotten, VolumeForgotten])
def test_a_wrong_density_is_seen(mistake):
    state = run_eager(kernel(mistake(flow(), share=SHARE)))
    assert largest_z(np.asarray(state.position)) > FAIL
