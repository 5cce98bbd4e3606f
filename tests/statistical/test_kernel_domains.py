"""Kernels on bounded and circular parameters, compiled and on the host.

Bounded: a gamma times a beta, moved in the unconstrained x.  Circular: two angles, each
pulled to the other, with the mode on the cut at pi; a walk that did not go around the
circle would still be exact, so one test looks whether chains cross the cut.
"""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import flowmc
from flowmc import kernels, models
from flowmc.sampling.chains import run_chains
from tests.statistical.invariance import FAIL, PASS

NUM_CHAINS, NUM_STEPS = 8000, 3
BETA = stats.beta(2.0, 3.0, loc=-1.0, scale=2.0)
BOUNDS = [(0.0, np.inf), (-1.0, 1.0)]
PULL = (3.0, 2.0)  # of the first angle to pi, and of the second to the first


def bounded_graph(theta):
    first, second = theta[:, 0], 0.5 * (theta[:, 1] + 1.0)
    return (
        tf.math.log(first) - first + tf.math.log(second) + 2.0 * tf.math.log1p(-second)
    )


def bounded_host(theta):
    return np.log(theta[:, 0]) - theta[:, 0] + BETA.logpdf(theta[:, 1])


def bounded_gradient(theta):
    second = 0.5 * (theta[:, 1] + 1.0)
    slope = 0.5 * (1.0 / second - 2.0 / (1.0 - second))
    return bounded_host(theta), np.stack([1.0 / theta[:, 0] - 1.0, slope], axis=1)


def bounded_draws(n, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([random.gamma(2.0, size=n), BETA.rvs(n, random_state=random)], 1)


def angles_graph(theta):
    return -PULL[0] * tf.cos(theta[:, 0]) + PULL[1] * tf.cos(theta[:, 1] - theta[:, 0])


def angles_host(theta):
    return -PULL[0] * np.cos(theta[:, 0]) + PULL[1] * np.cos(theta[:, 1] - theta[:, 0])


def angles_gradient(theta):
    pull = PULL[1] * np.sin(theta[:, 1] - theta[:, 0])
    gradient = np.stack([PULL[0] * np.sin(theta[:, 0]) + pull, -pull], axis=1)
    return angles_host(theta), gradient


def angles_draws(n, seed=0):
    random = np.random.default_rng(seed)
    first = random.vonmises(np.pi, PULL[0], size=n)
    second = random.vonmises(first, PULL[1])
    return (np.stack([first, second], axis=1) + np.pi) % (2.0 * np.pi) - np.pi


def target(kind, backend):
    graph, host, gradient, bounds = {
        "bounded": (bounded_graph, bounded_host, bounded_gradient, BOUNDS),
        "circular": (angles_graph, angles_host, angles_gradient, None),
    }[kind]
    if backend == "tensorflow":
        return flowmc.Target(graph, names=["a", "b"], bounds=bounds, backend=backend)
    return flowmc.Target(
        host,
        names=["a", "b"],
        bounds=bounds,
        backend=backend,
        value_and_gradient_fn=gradient,
    )


DRAWS = {"bounded": bounded_draws, "circular": angles_draws}


def moments(kind, theta):
    if kind == "circular":
        first, second = theta.T
        functions = [np.cos(first), np.sin(first), np.cos(second), np.sin(second)]
        return np.stack([*functions, np.cos(second - first)], axis=-1)
    first, second = theta.T
    return np.stack([first, second, first**2, second**2, first * second], axis=-1)


def largest_z(kind, kernel, backend):
    start = DRAWS[kind](NUM_CHAINS)
    chains = run_chains(kernel, target(kind, backend), start, num_steps=NUM_STEPS)
    end = chains.theta[-1]
    assert np.mean(np.any(np.abs(end - start) > 1e-9, axis=1)) > 0.1
    change = moments(kind, end) - moments(kind, start)
    error = change.std(axis=0, ddof=1) / np.sqrt(NUM_CHAINS)
    return float(np.abs(change.mean(axis=0) / error).max())


# On x, the unconstrained coordinates of the bounded pair.
BOUNDED = {
    "random_walk": lambda: kernels.make("random_walk", step_size=0.8),
    "t_pcn": lambda: kernels.make("t_pcn", step_size=0.7),
    "elliptical_slice": lambda: kernels.make("elliptical_slice"),
    "mala": lambda: kernels.make("mala", step_size=0.7),
    "hmc": lambda: kernels.make("hmc", step_size=0.5),
}


@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
@pytest.mark.parametrize("name", BOUNDED)
def test_bounded_parameters(name, backend):
    assert largest_z("bounded", BOUNDED[name](), backend) < PASS


def circular_flow(*, strength=0.1):
    """A flow on the torus that has learned something, but not the target."""
    model = models.make(
        "spline_coupling",
        event_size=2,
        periodic=[0, 1],
        num_layers=2,
        hidden_units=[8],
        seed=0,
    )
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return model


BOTH = [True, True]


def walk_and_slice():
    """Elliptical slices leave angles alone; a walk moves them."""
    return kernels.make(
        "cycle",
        kernels=[
            kernels.make("random_walk", step_size=0.8, circular=BOTH),
            kernels.make("elliptical_slice", circular=[False, True]),
        ],
    )


def preconditioned(inner):
    return kernels.make("preconditioned", model=circular_flow(), inner=inner)


CIRCULAR = {
    "random_walk": lambda: kernels.make("random_walk", step_size=0.8, circular=BOTH),
    "t_pcn": lambda: kernels.make("t_pcn", step_size=0.3, circular=BOTH),
    "mala": lambda: kernels.make("mala", step_size=0.7, circular=BOTH),
    "hmc": lambda: kernels.make("hmc", step_size=0.5, circular=BOTH),
    "independence of a flow": lambda: kernels.make(
        "independence", model=circular_flow()
    ),
    "a walk in a flow's space": lambda: preconditioned(
        kernels.make("random_walk", step_size=0.8)
    ),
    "HMC in a flow's space": lambda: preconditioned(kernels.make("hmc", step_size=0.5)),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.full] if "HMC in" in name else [])
        for name in CIRCULAR
    ],
)
def test_circular_parameters(name):
    assert largest_z("circular", CIRCULAR[name](), "tensorflow") < PASS


@pytest.mark.full
@pytest.mark.parametrize("name", CIRCULAR)
def test_circular_parameters_on_the_host(name):
    assert largest_z("circular", CIRCULAR[name](), "numpy") < PASS


class OneFixedAngle:
    """The circle's base density with a slope: not uniform, as it has to be."""

    def __init__(self, model):
        self.model, self.event_size = model, model.event_size
        self.base_kind, self.periodic = model.base_kind, model.periodic
        self.log_prob = model.log_prob
        self.sample_and_log_prob = model.sample_and_log_prob

    def forward_and_log_det(self, z):
        x, log_det = self.model.forward_and_log_det(z)
        return x, log_det + 2.0 * tf.cos(z[:, 0])

    def inverse_and_log_det(self, x):
        z, log_det = self.model.inverse_and_log_det(x)
        return z, log_det - 2.0 * tf.cos(z[:, 0])


@pytest.mark.full
def test_control_a_wrong_log_det_on_the_circle_is_seen():
    kernel = kernels.make(
        "preconditioned",
        model=OneFixedAngle(circular_flow()),
        inner=kernels.make("random_walk", step_size=2.0),
    )
    assert largest_z("circular", kernel, "tensorflow") > FAIL


def test_control_forgotten_bounds_are_seen():
    """The walk in x with the density of theta, without the log-determinant."""
    start = bounded_draws(NUM_CHAINS)

    def log_prob(x):
        return bounded_graph(tf.stack([tf.exp(x[:, 0]), tf.tanh(x[:, 1])], axis=1))

    x = np.stack([np.log(start[:, 0]), np.arctanh(start[:, 1])], axis=1)
    kernel = kernels.make("random_walk", target_log_prob_fn=log_prob, step_size=0.8)
    state = kernel.init(x)
    for step in range(NUM_STEPS):
        state, _ = kernel.step(state, seed=(1, step))
    end = state.position.numpy()
    end = np.stack([np.exp(end[:, 0]), np.tanh(end[:, 1])], axis=1)
    change = moments("bounded", end) - moments("bounded", start)
    z = change.mean(axis=0) / (change.std(axis=0, ddof=1) / np.sqrt(NUM_CHAINS))
    assert np.abs(z).max() > FAIL


def test_chains_cross_the_cut():
    kernel = kernels.make("random_walk", step_size=0.5, circular=BOTH)
    start = np.tile([[np.pi - 0.05, np.pi - 0.05]], (64, 1))
    chains = run_chains(kernel, target("circular", "tensorflow"), start, num_steps=30)
    assert np.abs(chains.theta).max() <= np.pi
    assert 0.2 < np.mean(chains.theta[-1, :, 0] < 0.0) < 0.8
