"""Cycles: every part steps once, in order, from fresh caches, in every mode."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.cycle import Cycle
from flowmc.kernels.metropolis import MetropolisState
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.stepper import GraphStepper
from tests.statistical.invariance import FAIL, PASS, TARGET, largest_z
from tests.unit.kernels.targets import Perfect, log_prob, start

START = TARGET.sample(5_000, seed=0)


def walk(step_size=0.8):
    return kernels.make("random_walk", step_size=step_size)


def jump(num_steps=1):
    return kernels.make("independence", model=Wide(), num_steps=num_steps)


class Wide(Perfect):
    """A normal wide enough for the skewed target."""

    scale = tf.constant([3.0, 3.0], tf.float64)

    def log_prob(self, x):
        scaled = x / self.scale
        norm = tf.math.log(2.0 * np.pi * 9.0)
        return -0.5 * tf.reduce_sum(tf.square(scaled), axis=-1) - tf.cast(
            norm, tf.float64
        )

    def sample_and_log_prob(self, n, *, seed):
        z = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        return z * self.scale, self.log_prob(z * self.scale)


def make():
    return Cycle(target_log_prob_fn=TARGET.graph_fn, kernels=[walk(), jump(), walk()])


def run(kernel, *, steps=4, x=START):
    state = kernel.init(x)
    for step in range(steps):
        state, info = kernel.step(state, seed=(5, step))
    return state, info


def run_compiled(kernel, *, steps=4, x=START):
    stepper = GraphStepper(lambda points: (TARGET.graph_fn(points), points[:, 0]))

    @tf.function(jit_compile=True, autograph=False)
    def program(x, seed):
        state = stepper.init(kernel, x, TARGET.graph_fn(x), x[:, 0])
        return stepper.repeat(kernel, state, num_steps=steps, seed=seed)

    return program(tf.constant(x), tf.constant([5, 1]))


def run_host(kernel, *, steps=4, x=START):
    def host_fn(points):
        return TARGET.host_fn(points), tf.constant(points[:, 0])

    stepper = HostStepper(host_fn)
    state = stepper.init(
        kernel, tf.constant(x), tf.constant(TARGET.host_fn(x)), tf.constant(x[:, 0])
    )
    seed = np.array([5, 1], np.int32)
    return stepper.repeat(kernel, state, num_steps=steps, seed=seed)


def test_a_cycle_is_its_parts_one_after_the_other():
    kernel = make()
    state, info = run(kernel, steps=1)
    assert kernel.name == "cycle"
    np.testing.assert_array_equal(info.kernel, [0, 1, 2])
    assert info.part_is_accepted.shape == (3, len(START))
    assert info.part_log_accept_ratio.shape == (3, len(START))
    np.testing.assert_array_equal(info.is_accepted, info.part_is_accepted[-1])
    np.testing.assert_array_equal(info.log_accept_ratio, info.part_log_accept_ratio[-1])
    moved = np.any(state.position != START, axis=1)
    np.testing.assert_array_equal(moved, info.part_is_accepted.numpy().any(axis=0))
    assert info.tally.as_dict()["log_prob_calls"] == 3 * len(START)


@pytest.mark.parametrize("way", [run_compiled, run_host])
def test_both_steppers_leave_the_target_invariant(way):
    state, steps = way(make())
    x = state.position.numpy()
    assert largest_z(x, before=START) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(x), rtol=1e-9)
    np.testing.assert_array_equal(state.payload, x[:, 0])
    assert steps.tally.as_dict()["log_prob_calls"] == 4 * 3 * len(START)


def test_a_cycle_may_hold_cycles_and_blocks():
    kernel = Cycle(
        target_log_prob_fn=TARGET.graph_fn,
        kernels=[Cycle(kernels=[walk(), jump(3)]), walk()],
    )
    state, info = run(kernel, steps=1)
    assert info.kernel.shape == (2,)
    assert info.tally.as_dict()["log_prob_calls"] == 5 * len(START)
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(state.position.numpy()))


def far_enough(kind):
    """Return |z| after steps long enough for an error to show."""
    x = TARGET.sample(20_000, seed=1)
    parts = [walk(2.0), jump(), walk(2.0)]
    kernel = kind(target_log_prob_fn=TARGET.graph_fn, kernels=parts)
    return largest_z(run(kernel, steps=8, x=x)[0].position.numpy(), before=x)


def test_the_right_cycle_leaves_the_target_invariant():
    assert far_enough(Cycle) < PASS


class Stale(Cycle):
    """Tells each part the density where the chain was before the cycle."""

    def compose(self, state, *, stepper, seed):
        first = state.log_prob
        for index, kernel in enumerate(self.kernels):
            old = MetropolisState(state.position, first, state.payload)
            state, info = self._advance(kernel, old, stepper=stepper, seed=seed + index)
        return state, info


def test_control_a_stale_density_is_seen():
    assert far_enough(Stale) > FAIL


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one kernel"),
        (None, "must be a list"),
        ("cycle", "must be a list"),
        ([walk(), Wide()], r"`kernels\[1\]` must be a kernel"),
        ([walk], r"`kernels\[0\]` must be a kernel"),
    ],
)
def test_bad_parts_are_named(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        kernels.make("cycle", kernels=parts)


def test_a_cycle_without_target_says_so():
    kernel = Cycle(kernels=[walk()])
    with pytest.raises(ConfigurationError, match="without `target_log_prob_fn`"):
        kernel.init(start())
    state = kernel.init(start(), log_prob(tf.constant(start())))
    with pytest.raises(ConfigurationError, match="without `target_log_prob_fn`"):
        kernel.step(state, seed=(0, 1))
