"""Arguments of `sample`: each wrong one is told apart before anything runs."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.sampling.initial import positions_from
from flowmc.sampling.sample import sample
from flowmc.sampling.space import Space
from tests.unit.sampling.runs import TARGET


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_draws": 0}, "`num_draws` must be at least 1"),
        ({"num_draws": 10.5}, "`num_draws` must be an integer"),
        ({"num_chains": 1}, "`num_chains` must be at least 2"),
        ({"kernel": "wishful"}, "`kernel` must be one of auto, random_walk"),
        ({"model": "wishful"}, "`wishful` is not a known model"),
        ({"device": "tpu"}, "`device` must be one of auto, cpu, gpu"),
        ({"seed": 1.5}, "`seed` must be an integer"),
        ({"resume": True}, "`resume=True` needs `checkpoint`"),
    ],
)
def test_bad_argument(options, text):
    target = TARGET.target("numpy")
    with pytest.raises(ConfigurationError, match=text):
        sample(target, **options)
    assert target.num_evaluations == 0


@pytest.mark.parametrize("target", [None, TARGET.host_fn, TARGET])
def test_bad_target(target):
    with pytest.raises(ConfigurationError, match=r"`target` must be a flowmc.Target"):
        sample(target)


def place(initial, num_chains):
    space = Space(TARGET.target("numpy"))
    return positions_from(initial, space, num_chains=num_chains, seed=(1, 2))


def test_few_positions_are_shared_evenly_many_are_drawn_from():
    initial = np.random.default_rng(0).normal(size=(5, 2))
    x, log_prob = place(initial, 15)
    np.testing.assert_allclose(log_prob, TARGET.host_fn(x))
    values, counts = np.unique(x[:, 0], return_counts=True)
    np.testing.assert_array_equal(values, np.sort(initial[:, 0]))
    np.testing.assert_array_equal(counts, 3)
    chosen, _ = place(initial, 3)
    assert len(np.unique(chosen[:, 0])) == 3
    assert set(chosen[:, 0]) <= set(initial[:, 0])
