"""`run_chains`: any kernel, graph or host, tuned and then frozen."""

import numpy as np
import pytest
import tensorflow as tf

import flowmc
from flowmc import kernels
from flowmc.core.errors import ConfigurationError, LogProbError
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


def test_nan_in_compiled_steps_is_raised_with_its_point():
    def log_prob(x):
        value = -0.5 * tf.reduce_sum(x**2, axis=-1)
        return tf.where(x[:, 0] > 2.0, tf.constant(np.nan, tf.float64), value)

    target = flowmc.Target(log_prob, names=["a", "b"], backend="tensorflow")
    with pytest.raises(LogProbError, match="a="):
        run_chains(walk(step_size=2.0), target, np.zeros((64, 2)), num_steps=50)
