"""Learning from the half at rest is exact for every draw; from all it is not."""

import numpy as np
import pytest

from flowmc.moves import FlowMove
from flowmc.moves.complement import ComplementAdaptation, fit_half
from tests.statistical.test_flow_move import (
    BETA,
    BOUNDS,
    BROKEN,
    SOUND,
    bounded_draws,
    bounded_log_prob,
    moments,
    sample,
    z_scores,
)
from tests.statistical.walks import ensembles, z_of_ensembles

NUM_ENSEMBLES = 600
WALKERS = 8


def make(**options):
    return FlowMove("gaussian", learn_from="complement", **options)


class FittedOnAll(ComplementAdaptation):
    """Fits the proposals of a half to all walkers, those that move among them."""

    def _propose(self, mine, rest, *, random):
        return super()._propose(mine, np.concatenate([mine, rest]), random=random)


@pytest.mark.parametrize("walkers", [4, 7, WALKERS])
def test_every_draw_is_exact(walkers):
    z = z_of_ensembles(make(), ensembles(NUM_ENSEMBLES, walkers))
    assert z < SOUND, z


def test_a_fit_to_walkers_that_move_is_seen(monkeypatch):
    monkeypatch.setattr("flowmc.moves.learning_move.ComplementAdaptation", FittedOnAll)
    z = z_of_ensembles(make(), ensembles(NUM_ENSEMBLES, WALKERS))
    assert z > BROKEN, z


def test_bounds_are_kept_and_exact():
    starts = bounded_draws(300 * WALKERS, 5).reshape(-1, WALKERS, 2)
    move = make(bounds=BOUNDS)
    ends = [
        sample(move, start, seed=number, function=bounded_log_prob).get_chain()[-1]
        for number, start in enumerate(starts)
    ]
    exact = [2.0, BETA.mean(), 6.0, BETA.moment(2), 2.0 * BETA.mean()]
    z = z_scores(moments(np.stack(ends)).mean(axis=1), np.array(exact))
    assert np.abs(z).max() < SOUND, z


def test_the_fit_has_the_density_it_draws_from():
    """Importance weights of a wide t have mean one."""
    random = np.random.RandomState(0)
    fitted = fit_half(random.randn(5, 3))
    wide = fitted._replace(scale_tril=1.5 * fitted.scale_tril)
    x = wide.draw(200_000, random=random)
    weight = np.exp(fitted.log_prob(x) - wide.log_prob(x))
    error = weight.std() / np.sqrt(len(weight))
    assert abs(weight.mean() - 1.0) < SOUND * error
