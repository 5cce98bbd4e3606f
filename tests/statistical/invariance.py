"""The few-sweep invariance test: exact draws stay exact draws under an exact kernel.

Chains start from exact draws of a skewed, correlated target, so a correct kernel leaves
every moment where it was, however badly it mixes.  The change of each moment is
compared with its own standard error over independent chains.
"""

from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc import models
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.stepper import GraphStepper
from flowmc.targets import skewed_gaussian

NUM_CHAINS = 20_000
NUM_STEPS = 3
PASS, FAIL = 4.0, 8.0
TARGET = skewed_gaussian()


@cache
def exact_draws(seed: int = 0) -> np.ndarray:
    """Return the chains' starting points `[NUM_CHAINS, 2]`."""
    return TARGET.sample(NUM_CHAINS, seed=seed)


def flow(*, seed: int = 3, strength: float = 0.25) -> Any:
    """Return a flow that has learned something, but not the target."""
    model = models.make("maf", event_size=2, num_layers=2, hidden_units=[8], seed=seed)
    model.fit_whitening(TARGET.sample(500, seed=seed))
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return model


def proposal(*, seed: int = 3) -> Any:
    """Return the same with its tails defended."""
    mixture = models.defensive(flow(seed=seed))
    mixture.fit_tails(TARGET.sample(500, seed=seed))
    return mixture


class Wide:
    """A proposal that compiles fast: a normal with the target's mean, too wide."""

    event_size = 2

    def __init__(self, *, mean: Any = None, scale_tril: Any = None) -> None:
        draws = TARGET.sample(4000, seed=5)
        self.mean = draws.mean(axis=0) if mean is None else np.asarray(mean)
        if scale_tril is None:
            scale_tril = 1.3 * np.linalg.cholesky(np.cov(draws.T))
        self.scale_tril = np.asarray(scale_tril)

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density `[..., 2] -> [...]`."""
        white = (x - self.mean) @ np.linalg.inv(self.scale_tril).T
        scale = np.log(np.diag(self.scale_tril)).sum() + np.log(2.0 * np.pi)
        return -0.5 * tf.reduce_sum(tf.square(white), axis=-1) - scale

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple:
        """Draw `[n, 2]` points with their log-densities."""
        normal = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        x = self.mean + normal @ self.scale_tril.T
        return x, self.log_prob(x)


def moments(x: np.ndarray) -> np.ndarray:
    """Return E[x], E[x^2], E[x y] chain by chain: `[n, 2] -> [n, 5]`."""
    return np.stack(
        [x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 1] ** 2, x[:, 0] * x[:, 1]], axis=-1
    )


def largest_z(after: np.ndarray, *, before: np.ndarray | None = None) -> float:
    """Return the largest |z| of any moment's change."""
    before = exact_draws() if before is None else before
    has_moved = np.any(after != before, axis=1).mean()
    assert has_moved > 0.1, f"only {has_moved:.1%} of the chains moved"
    change = moments(after) - moments(before)
    error = change.std(axis=0, ddof=1) / np.sqrt(len(change))
    return float(np.abs(change.mean(axis=0) / error).max())


def run_eager(kernel: Any, *, seed: int = 3, steps: int = NUM_STEPS) -> Any:
    """Take steps with the kernel's own `step`; return the last state."""
    state = kernel.init(exact_draws())
    for step in range(steps):
        state, _ = kernel.step(state, seed=(seed, step))
    return state


def run_graph(kernel: Any, *, seed: int = 3) -> Any:
    """Take steps inside one XLA program, the target evaluated inline."""
    stepper = GraphStepper(lambda points: (TARGET.graph_fn(points), points[:, 0]))

    @tf.function(jit_compile=True, autograph=False)
    def program(x, seed):
        state = stepper.init(kernel, x, TARGET.graph_fn(x), x[:, 0])
        state, steps = stepper.repeat(kernel, state, num_steps=NUM_STEPS, seed=seed)
        return state, steps.tally

    state, tally = program(tf.constant(exact_draws()), tf.constant([seed, 1]))
    check_sound(tally)
    return state


def run_host(kernel: Any, *, seed: int = 3) -> Any:
    """Take steps with the target called from Python, in NumPy."""

    def log_prob_fn(points):
        return TARGET.host_fn(points), tf.constant(points[:, 0])

    x = exact_draws()
    stepper = HostStepper(log_prob_fn, host_gradient)
    log_prob = tf.constant(TARGET.host_fn(x))
    state = stepper.init(kernel, tf.constant(x), log_prob, tf.constant(x[:, 0]))
    state, steps = stepper.repeat(
        kernel, state, num_steps=NUM_STEPS, seed=tf.constant([seed, 1])
    )
    check_sound(steps.tally)
    return state


@tf.function(autograph=False, reduce_retracing=True)
def _gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = TARGET.graph_fn(x)
    return value, tape.gradient(value, x)


def host_gradient(points: np.ndarray) -> tuple:
    """Return the target's density and gradient in NumPy."""
    value, gradient = _gradient(tf.constant(points))
    return value.numpy(), gradient.numpy()


def check_sound(tally: Any) -> None:
    """Check that points were counted, and that none was bad."""
    counts = tally.as_dict()
    assert counts.pop("log_prob_calls") + counts.pop("gradient_calls") > 0
    counts.pop("divergences")
    assert not any(counts.values()), counts


RUNS = {"eager": run_eager, "graph": run_graph, "host": run_host}
