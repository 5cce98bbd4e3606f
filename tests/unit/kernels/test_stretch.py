"""The stretch move: lines through other chains, and who may use it."""

import numpy as np
import pytest

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from tests.unit.kernels.targets import log_prob, start


def stretch(**options):
    return kernels.make("stretch", target_log_prob_fn=log_prob, **options)


def test_proposals_lie_on_lines_through_chains_of_the_other_half():
    kernel, x = stretch(), start()
    middle = len(x) // 2
    request = kernel.propose(kernel.init(x), seed=(1, 2))
    points = request.points.numpy()
    assert points.shape == (middle, 2)
    for mine, proposed in zip(x[:5], points[:5], strict=True):
        # Cross product with the direction to each possible center.
        way, others = proposed - mine, x[middle:] - mine
        cross = np.abs(way[0] * others[:, 1] - way[1] * others[:, 0])
        assert cross.min() < 1e-9 * np.abs(others).max()
    assert request.needs_gradient is False


def test_the_factor_has_the_density_it_should():
    """P(z < t) = (sqrt(a t) - 1) / (a - 1)."""
    kernel, n = stretch(scale=3.0), 40_000
    x = np.zeros((n, 2))
    x[: n // 2] = 1.0  # every center is at the origin: points are z itself
    state = kernel.init(x)
    z = np.sort(kernel.propose(state, seed=(3, 4)).points.numpy()[:, 0])
    assert z[0] >= 1.0 / 3.0
    assert z[-1] <= 3.0
    expected = (np.sqrt(3.0 * z) - 1.0) / 2.0
    found = (np.arange(len(z)) + 0.5) / len(z)
    assert np.abs(found - expected).max() < 1.63 / np.sqrt(len(z))


@pytest.mark.parametrize("num_chains", [8, 9])
def test_every_chain_is_tried_once_a_step(num_chains):
    kernel = stretch()
    state = kernel.init(start()[:num_chains])
    after, info = kernel.step(state, seed=(1, 2))
    assert info.is_accepted.shape == (num_chains,)
    assert info.tally.as_dict()["log_prob_calls"] == num_chains
    has_moved = np.any(after.position != state.position, axis=1)
    np.testing.assert_array_equal(has_moved, info.is_accepted)
    np.testing.assert_allclose(after.log_prob, log_prob(after.position))


@pytest.mark.parametrize("scale", [1.0, 0.5, np.inf, np.nan])
def test_a_scale_that_makes_no_sense(scale):
    with pytest.raises(ConfigurationError, match="`scale` must be a finite number"):
        stretch(scale=scale)


def test_too_few_chains():
    with pytest.raises(ConfigurationError, match="got 3 chains in 2 dimensions"):
        stretch().init(start()[:3])
