"""Mixtures: one part a step, drawn without a look at the state, in every mode."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.cycle import Cycle
from flowmc.kernels.mixture import Mixture
from flowmc.sampling.stepper import GraphStepper
from tests.statistical.invariance import FAIL, PASS, TARGET, largest_z
from tests.unit.kernels.test_cycle import (
    START,
    jump,
    run,
    run_compiled,
    run_host,
    walk,
)


def make(kind=Mixture, probabilities=(0.5, 0.3, 0.2)):
    parts = [walk(), jump(), Cycle(kernels=[walk(), jump(2)])]
    return kind(
        target_log_prob_fn=TARGET.graph_fn, kernels=parts, probabilities=probabilities
    )


def test_the_kernel_named_is_the_kernel_that_stepped():
    kernel = make()
    state, calls = kernel.init(START[:50]), {0: 50, 1: 50, 2: 150}
    seen = set()
    for step in range(25):
        state, info = kernel.step(state, seed=(5, step))
        index = int(info.kernel)
        seen.add(index)
        assert info.kernel.dtype == tf.int32
        assert info.tally.as_dict()["log_prob_calls"] == calls[index]
        assert info.is_accepted.shape == info.log_accept_ratio.shape == (50,)
    assert seen == {0, 1, 2}


def draw_in_python(kernel, n):
    return [int(kernel._draw(None, seed=np.array([i, 7], np.int32))) for i in range(n)]


def draw_in_graph(kernel, n):
    @tf.function(autograph=False)
    def draws():
        return tf.map_fn(
            lambda i: kernel._draw(None, seed=tf.stack([i, 7])), tf.range(n)
        )

    return draws()


@pytest.mark.parametrize("draw", [draw_in_python, draw_in_graph])
def test_kernels_come_with_their_probabilities(draw):
    probabilities, n = np.array([0.5, 0.3, 0.2]), 4_000
    share = np.bincount(draw(make(probabilities=probabilities), n), minlength=3) / n
    error = np.sqrt(probabilities * (1.0 - probabilities) / n)
    assert np.abs((share - probabilities) / error).max() < PASS


def test_one_kernel_and_equal_shares():
    np.testing.assert_allclose(Mixture(kernels=[walk()] * 4).probabilities, 0.25)
    kernel = Mixture(target_log_prob_fn=TARGET.graph_fn, kernels=[walk()])
    assert int(run(kernel, steps=1)[1].kernel) == 0


@pytest.mark.parametrize("way", [run_compiled, run_host])
def test_both_steppers_leave_the_target_invariant(way):
    state, steps = way(Cycle(kernels=[make(), walk()]))
    x = state.position.numpy()
    assert largest_z(x, before=START) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(x), rtol=1e-9)
    np.testing.assert_array_equal(state.payload, x[:, 0])
    assert steps.tally.as_dict()["log_prob_calls"] >= 8 * len(START)


def alone(kernel, *, num_steps=6):
    """Let every chain draw for itself, as a mixture of one chain does."""
    stepper = GraphStepper(lambda points: (TARGET.graph_fn(points), ()))

    def one(row):
        index, x = row
        state = stepper.init(kernel, x[None], TARGET.graph_fn(x[None]))
        seed = tf.stack([index, 3])
        state, _ = stepper.repeat(kernel, state, num_steps=num_steps, seed=seed)
        return state.position[0]

    @tf.function(jit_compile=True, autograph=False)
    def all_chains(x):
        rows = (tf.range(len(START)), x)
        return tf.map_fn(one, rows, fn_output_signature=tf.float64)

    return largest_z(all_chains(tf.constant(START)).numpy(), before=START)


class Choosy(Mixture):
    """Stays at home where the density is high, and jumps where it is low."""

    def _draw(self, state, *, seed):
        return tf.cast(state.log_prob[0] < -3.0, tf.int32)


def test_a_chain_by_itself_leaves_the_target_invariant():
    assert alone(pair(Mixture)) < PASS


def test_control_a_choice_that_looks_at_the_state_is_seen():
    assert alone(pair(Choosy)) > FAIL


def pair(kind):
    still = kernels.make("random_walk", step_size=1e-3)
    return kind(target_log_prob_fn=TARGET.graph_fn, kernels=[still, jump()])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ((0.5,), "one number for each of the 2 kernels"),
        ((0.5, 0.6), "sum to 1.*sum to 1.1"),
        ((1.0, 0.0), "must be positive"),
        ((1.5, -0.5), "must be positive"),
        ((0.5, np.nan), "must be positive"),
    ],
)
def test_bad_probabilities_are_named(probabilities, message):
    with pytest.raises(ConfigurationError, match=message):
        Mixture(kernels=[walk(), walk()], probabilities=probabilities)


def test_bad_parts_are_named():
    with pytest.raises(ConfigurationError, match="at least one kernel"):
        kernels.make("mixture", kernels=[])
