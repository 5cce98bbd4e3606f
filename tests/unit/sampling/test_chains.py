"""`run_chains`: any kernel, graph or host, tuned and then frozen."""

import numpy as np
import pytest
import tensorflow as tf

import flowmc
from flowmc import kernels, models
from flowmc.core.errors import ConfigurationError, LogProbError, TargetError
from flowmc.sampling.chains import run_chains
from flowmc.targets import correlated_gaussian

TARGET = correlated_gaussian(3)
START = TARGET.sample(32, seed=0)


def walk(**options):
    return kernels.make("random_walk", **options)


@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
def test_warmup_tunes_and_the_rest_is_recorded(backend):
    chains = run_chains(
        walk(step_size=10.0),
        TARGET.target(backend),
        START,
        num_steps=30,
        num_warmup=100,
    )
    assert chains.theta.shape == (30, 32, 3)
    assert chains.log_prob.shape == chains.acceptance.shape == (30, 32)
    np.testing.assert_allclose(
        chains.log_prob[-1], TARGET.host_fn(chains.theta[-1]), rtol=1e-9
    )
    assert 0.15 < chains.acceptance.mean() < 0.5
    assert chains.settings["step_size"] < 2.0
    assert chains.counts["log_prob_calls"] == 30 * 32
    assert chains.warmup_counts["log_prob_calls"] == 100 * 32
    assert set(chains.seconds) == {"compile", "warmup", "sample"}


def test_graph_and_host_make_the_same_draws():
    runs = [
        run_chains(walk(), TARGET.target(backend), START, num_steps=20, seed=3)
        for backend in ("tensorflow", "numpy")
    ]
    np.testing.assert_allclose(runs[0].theta, runs[1].theta, rtol=1e-9)


@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
def test_same_seed_same_draws_however_long_the_run(backend):
    target = TARGET.target(backend)
    short = run_chains(walk(), target, START, num_steps=5, seed=1)
    long = run_chains(walk(), target, START, num_steps=9, seed=1)
    other = run_chains(walk(), target, START, num_steps=5, seed=2)
    np.testing.assert_array_equal(short.theta, long.theta[:5])
    assert np.any(other.theta != short.theta)


def test_a_mixture_says_which_kernel_stepped_and_tunes_each():
    parts = [walk(step_size=5.0), kernels.make("mala", step_size=3.0)]
    kernel = kernels.make("mixture", kernels=parts, probabilities=[0.5, 0.5])
    chains = run_chains(
        kernel, TARGET.target("tensorflow"), START, num_steps=40, num_warmup=100
    )
    assert set(np.unique(chains.kernel)) == {0, 1}
    assert chains.settings["0.step_size"] < 5.0
    assert chains.settings["1.step_size"] < 3.0
    assert chains.counts["gradient_calls"] > 0


def test_progress_is_told():
    told = []
    run_chains(
        walk(),
        TARGET.target("numpy"),
        START,
        num_steps=5,
        num_warmup=2,
        progress=lambda *report: told.append(report[:3]),
    )
    assert ("warm-up", 2, 2) in told
    assert told[-1] == ("sample", 5, 5)


@pytest.mark.parametrize(
    ("initial", "match"),
    [
        (np.zeros((4, 2)), r"\[num_chains, 3\]"),
        (np.full((4, 3), np.nan), "positive"),
    ],
)
def test_unusable_starts_are_refused(initial, match):
    with pytest.raises((ConfigurationError, LogProbError), match=match):
        run_chains(walk(), TARGET.target("numpy"), initial, num_steps=1)


def test_a_gradient_kernel_without_gradient_says_what_to_do():
    with pytest.raises(ConfigurationError, match="value_and_gradient_fn"):
        run_chains(kernels.make("hmc"), TARGET.target("numpy"), START, num_steps=1)


def test_warmup_learns_the_covariance():
    tilted = correlated_gaussian(10)
    start = tilted.sample(64, seed=1)
    rates = []
    for options in ({}, {"scale_tril": np.eye(10)}):
        chains = run_chains(
            walk(**options),
            tilted.target("tensorflow"),
            start,
            num_steps=200,
            num_warmup=200,
        )
        jump = np.diff(chains.theta, axis=0) / tilted.standard_deviation
        rates.append(np.mean(jump**2, axis=(0, 1)).min())
    assert rates[1] > 2.0 * rates[0]


@pytest.mark.parametrize(
    ("kernel", "options", "match"),
    [
        ("hmc", {}, "kernel"),
        (None, {"num_warmup": -1}, "num_warmup"),
        (None, {"num_steps": 0}, "num_steps"),
        (None, {"initial": np.zeros((0, 3))}, "num_chains"),
    ],
)
def test_unusable_arguments_are_refused(kernel, options, match):
    options = {"initial": START, "num_steps": 1, **options}
    with pytest.raises(ConfigurationError, match=match):
        run_chains(kernel or walk(), TARGET.target("numpy"), **options)
    with pytest.raises(ConfigurationError, match="flowmc.Target"):
        run_chains(walk(), TARGET.host_fn, START, num_steps=1)


def test_a_start_without_gradient_is_refused_in_compiled_code_too():
    def kinked(x):
        return -tf.reduce_sum(x**2, -1) + tf.sqrt(tf.abs(x[:, 0]) * 0.0)

    target = flowmc.Target(kinked, names=["a", "b"], backend="tensorflow")
    with pytest.raises(TargetError, match="gradient"):
        run_chains(kernels.make("mala"), target, np.ones((8, 2)), num_steps=1)


def test_a_bad_point_is_named_in_theta_from_inside_a_flow():
    def log_prob(x):
        value = -0.5 * tf.reduce_sum((x - 100.0) ** 2, axis=-1)
        return tf.where(x[:, 0] > 101.0, tf.constant(np.nan, tf.float64), value)

    model = models.make("gaussian", event_size=2)
    model.fit_whitening(100.0 + np.random.default_rng(0).normal(size=(500, 2)))
    kernel = kernels.make(
        "preconditioned", model=model, inner=kernels.make("mala", step_size=1.5)
    )
    target = flowmc.Target(log_prob, names=["a", "b"], backend="tensorflow")
    with pytest.raises(LogProbError, match="a=101"):
        run_chains(kernel, target, np.full((64, 2), 100.0), num_steps=50)


def test_gradients_at_the_start_of_a_part_are_counted():
    kernel = kernels.make("cycle", kernels=[kernels.make("mala"), walk()])
    target = TARGET.target("tensorflow")
    chains = run_chains(kernel, target, START, num_steps=5)
    assert chains.counts["gradient_calls"] == 2 * 5 * len(START)
    assert chains.counts["log_prob_calls"] == 5 * len(START)
    assert set(np.unique(chains.kernel)) == {1}


def test_nan_in_compiled_steps_is_raised_with_its_point():
    def log_prob(x):
        value = -0.5 * tf.reduce_sum(x**2, axis=-1)
        return tf.where(x[:, 0] > 2.0, tf.constant(np.nan, tf.float64), value)

    target = flowmc.Target(log_prob, names=["a", "b"], backend="tensorflow")
    with pytest.raises(LogProbError, match="a="):
        run_chains(walk(step_size=2.0), target, np.zeros((64, 2)), num_steps=50)
