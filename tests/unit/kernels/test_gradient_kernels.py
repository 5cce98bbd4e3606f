"""MALA, HMC and NUTS: starts, bad gradients, energy, lengths."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError, TargetError

NAMES = ("mala", "hmc", "nuts")
START = np.random.default_rng(0).normal(size=(64, 2))


def log_prob(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def cut(x):
    """A normal on x > 0, where sqrt has a gradient; zero density elsewhere."""
    inside = x[:, 0] > 0.0
    value = log_prob(x) + tf.sqrt(x[:, 0])
    return tf.where(inside, value, tf.constant(-np.inf, tf.float64))


def make(name, function=log_prob, **options):
    return kernels.make(name, target_log_prob_fn=function, **options)


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_acceptance_goes_to_one_as_the_step_shrinks(name):
    options = {"trajectory_length": 0.5} if name == "hmc" else {}
    rates = []
    for step_size in (1.2, 0.1):
        kernel = make(name, step_size=step_size, **options)
        _, info = kernel.step(kernel.init(START), seed=1)
        rates.append(float(tf.reduce_mean(tf.exp(tf.minimum(info[1], 0.0)))))
    assert rates[0] < rates[1]
    assert rates[1] > 0.99


def test_hmc_counts_its_gradients_and_jitters_its_length():
    kernel = make("hmc", step_size=0.1, trajectory_length=1.0)
    state = kernel.init(START)
    lengths = []
    for seed in range(8):
        _, info = kernel.step(state, seed=seed)
        steps = int(info.num_leapfrog_steps[0])
        assert info.tally.as_dict()["gradient_calls"] == steps * len(START)
        lengths.append(steps)
    assert 1 <= min(lengths) < max(lengths) <= 10


def test_hmc_says_that_short_trajectories_should_be_longer():
    slopes = []
    for length in (0.4, 6.0):
        kernel = make("hmc", step_size=0.1, trajectory_length=length)
        x = np.random.default_rng(1).normal(size=(2000, 2))
        state = kernel.init(x)
        assert float(kernel.step(state, seed=0)[1].length_slope) == 0.0
        kernel.is_adapting.assign(True)
        infos = [kernel.step(state, seed=seed)[1] for seed in range(8)]
        slopes.append(np.mean([float(info.length_slope) for info in infos]))
    assert slopes[0] > 0.0 > slopes[1]


def test_a_long_step_diverges_and_is_counted():
    kernel = make("hmc", step_size=40.0, trajectory_length=400.0)
    state, info = kernel.step(kernel.init(START), seed=(0, 5))
    assert info.tally.as_dict()["divergences"] > 0
    assert np.all(np.isfinite(state.position))


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_chains_leave_zero_density(name):
    """TFP's own accept/reject would keep them there for ever."""
    start = np.where([[True, False]], np.abs(START), START)
    start[:10, 0] = -0.05
    kernel = make(name, cut, step_size=0.5)
    state = kernel.init(start)
    for step in range(20):
        state, _ = kernel.step(state, seed=(1, step))
    assert np.all(np.isfinite(state.log_prob))


def test_nuts_refuses_a_start_of_zero_density():
    with pytest.raises(TargetError, match="positive"):
        make("nuts", cut).init(np.array([[1.0, 0.0], [-1.0, 0.0]]))


@pytest.mark.parametrize("name", NAMES)
def test_a_start_without_gradient_is_named(name):
    def kinked(x):
        return log_prob(x) + tf.sqrt(tf.abs(x[:, 0]) * 0.0)

    with pytest.raises(TargetError, match="gradient.*finite"):
        make(name, kinked).init(START)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_that_is_nan_is_named(name):
    def broken(x):
        return tf.where(x[:, 0] > 1.0, np.float64(np.nan), log_prob(x))

    with pytest.raises(TargetError, match="chain"):
        make(name, broken).init(START)


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_gradients_that_are_not_finite_are_counted_on_the_way(name):
    def kinked(x):
        bad = x[:, 0] > 0.8
        return tf.where(bad, tf.sqrt((x[:, 0] - 0.9) * 0.0), 0.0) + log_prob(x)

    start = START[START[:, 0] < 0.5]
    kernel = make(name, kinked, step_size=0.7)
    state, total = kernel.init(start), 0
    for step in range(10):
        state, info = kernel.step(state, seed=(2, step))
        total += info.tally.as_dict()["nan_gradient"]
        assert np.all(np.isfinite(state.position))
    assert total > 0


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_nan_and_infinite_densities_are_rejected_and_counted(name):
    def broken(x):
        value = tf.where(x[:, 0] > 1.0, np.float64(np.nan), log_prob(x))
        return tf.where(x[:, 0] < -1.0, np.float64(np.inf), value)

    start = START[np.abs(START[:, 0]) < 0.9]
    kernel = make(name, broken, step_size=1.0)
    state, nan, infinite = kernel.init(start), 0, 0
    for step in range(10):
        state, info = kernel.step(state, seed=(2, step))
        counts = info.tally.as_dict()
        nan += counts["nan_log_prob"]
        infinite += counts["infinite_log_prob"]
    assert nan > 0
    assert infinite > 0
    assert np.all(np.abs(state.position[:, 0]) <= 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_target_that_sums_over_the_batch_is_refused(name):
    with pytest.raises(ConfigurationError, match=r"\[n, D\] to \[n\]"):
        make(name, lambda x: -tf.reduce_sum(x**2)).init(START)


def test_angles_are_wrapped():
    kernel = make("hmc", lambda x: tf.reduce_sum(tf.cos(x), -1), circular=[True, False])
    state = kernel.init(np.array([[3.1, 3.1]] * 200))
    for step in range(5):
        state, _ = kernel.step(state, seed=(3, step))
    assert np.abs(state.position[:, 0]).max() <= np.pi
    assert np.abs(state.position[:, 1]).max() > np.pi


def test_a_mask_of_angles_must_fit_the_positions():
    with pytest.raises(ConfigurationError, match="1 coordinates"):
        make("hmc", circular=[True]).init(START)


def test_the_edge_of_a_target_is_no_divergence():
    kernel = make("hmc", cut, step_size=0.5)
    start = np.abs(START)
    total, state = 0, kernel.init(start)
    for step in range(5):
        state, info = kernel.step(state, seed=(4, step))
        total += info.tally.as_dict()["divergences"]
    assert total == 0


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("mala", {"step_size": 0.0}, "step_size"),
        ("hmc", {"trajectory_length": -1.0}, "trajectory_length"),
        ("hmc", {"max_leapfrog_steps": 0}, "max_leapfrog_steps"),
        ("nuts", {"max_tree_depth": 0}, "max_tree_depth"),
        ("hmc", {"step_size": np.inf}, "step_size"),
        ("hmc", {"circular": [1, 0]}, "circular"),
    ],
)
def test_unusable_settings_are_refused(name, options, match):
    with pytest.raises(ConfigurationError, match=match):
        make(name, **options)
