"""The one accept/reject: right rates, and a decision for every odd ratio."""

import numpy as np
import tensorflow as tf

from flowmc.kernels.metropolis import MetropolisState, accept, accept_with, select

SEED = (1, 2)
INF = float("inf")


def decide(log_ratio, *, seed=SEED):
    log_ratio = tf.constant(log_ratio, tf.float64)
    zeros = tf.zeros_like(log_ratio)
    moved, info = accept(zeros, zeros + 1.0, log_ratio, seed=seed)
    np.testing.assert_array_equal(moved == 1.0, info.is_accepted)
    return info.is_accepted.numpy()


def test_rate_is_the_smaller_of_one_and_the_ratio():
    n = 40_000
    for ratio in (0.05, 0.5, 0.95, 1.0, 3.0):
        rate = min(1.0, ratio)
        count = decide(np.full(n, np.log(ratio))).sum()
        assert abs(count - n * rate) <= 4.0 * np.sqrt(n * rate * (1.0 - rate))


def test_nan_is_rejected_plus_infinity_accepted():
    assert not decide([np.nan] * 100).any()
    assert not decide([-INF] * 100).any()
    assert decide([INF] * 100).all()


def test_zero_density_is_never_accepted_even_at_a_uniform_of_zero():
    state, info = accept_with(
        tf.zeros([1]), tf.ones([1]), tf.constant([-INF]), tf.constant([-INF])
    )
    assert not info.is_accepted[0]
    assert state[0] == 0.0


def test_chains_decide_each_for_itself():
    is_accepted = decide(np.full(1000, np.log(0.5)))
    assert 0.4 < is_accepted.mean() < 0.6
    other = decide(np.full(1000, np.log(0.5)), seed=(1, 3))
    assert 0.4 < np.mean(other == is_accepted) < 0.6


def test_the_whole_nest_follows_the_decision():
    n = 50
    rows = np.arange(float(n))

    def nest(sign):
        return MetropolisState(
            position=tf.constant(sign * np.stack([rows, rows], axis=-1)),
            log_prob=tf.constant(sign * rows),
            payload={
                "matrix": tf.constant(sign * rows[:, None, None] * np.ones((2, 3)))
            },
        )

    condition = tf.constant(np.random.default_rng(0).random(n) < 0.5)
    chosen = select(condition, nest(1.0), nest(-1.0))
    expected = np.where(condition, rows, -rows)
    np.testing.assert_array_equal(chosen.log_prob, expected)
    np.testing.assert_array_equal(chosen.position[:, 1], expected)
    np.testing.assert_array_equal(chosen.payload["matrix"][:, 1, 2], expected)
