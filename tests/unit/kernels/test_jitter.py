"""Steps of many sizes: their range, where they must not look, and what they keep."""

import math

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.jitter import check_jitter, shrunk

JITTERED = ("random_walk", "t_pcn", "hmc")
JITTER = 3.0


def factors(jitter=JITTER, *, n=20_000, size=2, seed=(1, 2)):
    position = tf.zeros([n, size], tf.float64)
    return np.asarray(shrunk(np.float64(1.0), jitter, position, seed=seed))


def test_without_jitter_the_step_is_left_alone():
    step_size = tf.constant(0.7, tf.float64)
    assert shrunk(step_size, 0.0, tf.zeros([5, 2]), seed=(1, 2)) is step_size


def test_each_chain_has_a_factor_of_its_own_between_the_limits():
    found = factors()
    assert found.shape == (20_000, 1)
    assert len(np.unique(found)) == len(found)
    assert found.min() >= math.exp(-JITTER)
    assert found.max() <= 1.0
    # exp(-3 u^2), u uniform: half of them above exp(-3/4).
    assert np.mean(found > math.exp(-0.25 * JITTER)) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(found, factors())
    assert not np.array_equal(found, factors(seed=(1, 3)))


def test_factors_do_not_depend_on_where_the_chains_are():
    at_zero = factors(n=50)
    position = tf.constant(np.random.default_rng(0).normal(size=(50, 2)))
    away = shrunk(np.float64(1.0), JITTER, position, seed=(1, 2))
    np.testing.assert_array_equal(away, at_zero)


@pytest.mark.parametrize("jitter", [-1e-9, math.inf, math.nan])
def test_bad_jitter(jitter):
    with pytest.raises(ConfigurationError, match="`jitter` must be a finite number"):
        check_jitter(jitter)
    for name in JITTERED:
        with pytest.raises(ConfigurationError, match="`jitter`"):
            kernels.make(name, jitter=jitter)


def log_prob(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


@pytest.mark.parametrize("name", JITTERED)
def test_kernels_take_steps_of_many_sizes(name):
    options = {"target_log_prob_fn": log_prob, "step_size": 0.5}
    if name == "hmc":
        options["trajectory_length"] = 0.5  # one leapfrog step
    x = np.zeros((4000, 2))
    spread = []
    for jitter in (0.0, JITTER):
        kernel = kernels.make(name, jitter=jitter, **options)
        lengths = []
        for step in range(20):
            state, _ = kernel.step(kernel.init(x), seed=(3, step))
            lengths.append(np.median(np.linalg.norm(state.position, axis=1)))
        spread.append(np.mean(lengths))
    assert spread[1] < 0.9 * spread[0]


@pytest.mark.parametrize("name", ["random_walk", "t_pcn"])
def test_a_chain_that_large_steps_cannot_move_gets_away(name):
    """In a spike a hundredth as wide as the step suits, one step in ten is small."""
    options = {
        "target_log_prob_fn": lambda x: -0.5e4 * tf.reduce_sum(x**2, axis=-1),
        "step_size": 0.3,
    }
    rates = []
    for jitter in (0.0, 2.0 * JITTER):
        kernel = kernels.make(name, jitter=jitter, **options)
        state = kernel.init(0.01 * np.random.default_rng(0).normal(size=(5000, 2)))
        _, info = kernel.step(state, seed=(4, 1))
        rates.append(np.mean(info.is_accepted))
    assert rates[1] > 5.0 * rates[0]
