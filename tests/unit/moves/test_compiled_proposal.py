import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc.moves.bounded import Bounded
from flowmc.moves.compiled_proposal import CompiledProposal
from flowmc.transforms.bounds import BoundsTransform

BOUNDS = [(-1.0, 2.0), (-np.inf, np.inf)]


class Normal:
    """A normal whose scale may change between calls."""

    event_size = 2

    def __init__(self):
        self.scale = tf.Variable(1.0, dtype=tf.float64)

    def log_prob(self, x):
        z = x / self.scale
        constant = np.log(2.0 * np.pi) + 2.0 * tf.math.log(self.scale)
        return -0.5 * tf.reduce_sum(z**2, axis=-1) - constant

    def sample_and_log_prob(self, n, *, seed):
        x = self.scale * tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        return x, self.log_prob(x)


def scored_by(proposal, walkers=6, seed=(1, 2)):
    current = np.linspace(-0.9, 1.9, 2 * walkers).reshape(walkers, 2)
    pair = np.array(seed, dtype=np.int32)
    return current, proposal.draw_and_score(current, seed=pair)


def log_normal(x, scale):
    return stats.norm.logpdf(x, scale=scale).sum(axis=-1)


def test_scores_both_ends_with_the_weights_of_the_moment():
    density = Normal()
    proposal = CompiledProposal(density, transform=None, device="/CPU:0")
    for scale in (1.0, 3.0):
        density.scale.assign(scale)
        current, scored = scored_by(proposal)
        assert scored.points.shape == (6, 2)
        assert {array.dtype for array in scored} == {np.dtype("float64")}
        np.testing.assert_allclose(scored.log_q, log_normal(scored.points, scale))
        np.testing.assert_allclose(scored.log_q_current, log_normal(current, scale))
    assert proposal._compiled.experimental_get_tracing_count() == 1
    scored_by(proposal, walkers=3)
    assert proposal._compiled.experimental_get_tracing_count() == 2


def test_same_seed_same_draws():
    proposal = CompiledProposal(Normal(), transform=None, device="/CPU:0")
    first, again = (scored_by(proposal)[1].points for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, scored_by(proposal, seed=(1, 3))[1].points)


def test_log_det_of_the_bounds_enters():
    """With a standard normal in x, a box coordinate is uniform in theta."""
    transform = BoundsTransform(BOUNDS)
    proposal = CompiledProposal(Normal(), transform=transform, device="/CPU:0")
    current, scored = scored_by(proposal)
    for theta, log_q in (
        (scored.points, scored.log_q),
        (current, scored.log_q_current),
    ):
        assert (theta[:, 0] > -1.0).all()
        assert (theta[:, 0] < 2.0).all()
        exact = -np.log(3.0) + stats.norm.logpdf(theta[:, 1])
        np.testing.assert_allclose(log_q, exact, atol=1e-9)


def test_unconstrained_has_the_log_det():
    transform = BoundsTransform(BOUNDS)
    theta = np.array([[0.5, 7.0], [1.0, -2.0]])
    bounded = Bounded(2, bounds=np.array(BOUNDS))
    x, log_det = bounded.to_x(theta)
    back, expected = transform.forward_and_log_det(x)
    np.testing.assert_allclose(back.numpy(), theta)
    np.testing.assert_allclose(log_det, expected.numpy(), atol=1e-12)
    np.testing.assert_allclose(bounded.to_theta(x), theta)
    assert x[0, 0] == pytest.approx(0.0, abs=1e-12)
