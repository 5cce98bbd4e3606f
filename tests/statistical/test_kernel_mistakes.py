"""Mistakes that adaptive and gradient samplers have shipped; each is seen.

Every class here is a kernel of the package with one thing wrong in it, taken from the
record of other packages: the few-sweep test must tell each from the real one.
"""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.kernels.hmc import HMC
from flowmc.kernels.independence import Independence
from flowmc.kernels.mala import MALA
from flowmc.kernels.metropolis import MetropolisState, accept
from flowmc.kernels.multiple_try import MultipleTry
from flowmc.kernels.random_walk import RandomWalk
from flowmc.kernels.t_pcn import TPCN
from tests.statistical.invariance import (
    FAIL,
    PASS,
    TARGET,
    Wide,
    exact_draws,
    flow,
    largest_z,
    proposal,
    run_eager,
)

TARGET_FN = {"target_log_prob_fn": TARGET.graph_fn}
REFERENCE = {"location": [0.7, 0.9], "scale_tril": np.array([[1.3, 0.0], [0.9, 1.0]])}
ENSEMBLE = 8  # chains that a proposal is fitted to, and then moves


def normal_log_prob(x, mean, scale):
    unit = (x - mean) / scale
    return tf.reduce_sum(-0.5 * tf.square(unit) - tf.math.log(scale), axis=-1)


class FittedOnItself(Independence):
    """Proposes from a normal fitted to the very chains it moves, eight at a time."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        groups = tf.reshape(state.position, [-1, ENSEMBLE, 2])
        mean = tf.reduce_mean(groups, axis=1, keepdims=True)
        scale = tf.math.reduce_std(groups, axis=1, keepdims=True)
        noise = tf.random.stateless_normal(groups.shape, seed, dtype=tf.float64)
        points = mean + scale * noise
        log_q = tf.reshape(normal_log_prob(points, mean, scale), [-1])
        current = tf.reshape(normal_log_prob(groups, mean, scale), [-1])
        state = state._replace(log_weight=state.log_prob - current)
        points = tf.reshape(points, [-1, 2])
        return request._replace(points=points, carry=(state, points, log_q))


class FittedOnAShortPast(Independence):
    """Proposes from a normal fitted to the last few states of the chain itself."""

    window = 6

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        past = getattr(self, "past", [])[-self.window + 1 :] + [state.position]
        self.past = past
        if len(past) < self.window:
            return request
        mean = tf.reduce_mean(past, axis=0)
        scale = tf.math.reduce_std(past, axis=0) + 0.1
        noise = tf.random.stateless_normal(mean.shape, seed, dtype=tf.float64)
        points = mean + scale * noise
        log_q = normal_log_prob(points, mean, scale)
        current = normal_log_prob(state.position, mean, scale)
        state = state._replace(log_weight=state.log_prob - current)
        return request._replace(points=points, carry=(state, points, log_q))


class Folding:
    """A map that takes z and -z to the same x in a strip: not one-to-one."""

    event_size = 2

    def __init__(self):
        self.model = flow()
        self.log_prob = self.model.log_prob
        self.sample_and_log_prob = self.model.sample_and_log_prob

    def fold(self, z):
        return tf.where(tf.abs(z) < 1.0, tf.abs(z), z)

    def forward_and_log_det(self, z):
        return self.model.forward_and_log_det(self.fold(z))

    def inverse_and_log_det(self, x):
        return self.model.inverse_and_log_det(x)


class NoReferenceRatio(TPCN):
    """Accepts by the target alone: forgets the density of the reference."""

    def complete(self, carry, evaluation, *, seed):
        state, points, _ = carry
        proposed = MetropolisState(points, evaluation.log_prob, evaluation.payload)
        return accept(state, proposed, proposed.log_prob - state.log_prob, seed=seed)


class ChoosesByTarget(MultipleTry):
    """Chooses among the proposals by their density, not by their weight."""

    def complete(self, carry, evaluation, *, seed):
        state, points, log_q, *rest = carry
        return super().complete(
            (state, points, tf.zeros_like(log_q), *rest), evaluation, seed=seed
        )


class SmallStepsOutside(RandomWalk):
    """Shrinks its steps where the chain is far out, as if that were free."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        x = state.position
        distance = tf.norm(x, axis=-1, keepdims=True)
        points = x + tf.exp(-tf.minimum(distance, 3.0)) * (request.points - x)
        return request._replace(points=points, carry=(state, points))


class MixedOutside(TPCN):
    """Takes less of the reference's new draw where the chain is far out."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        state, points, log_t_ratio = request.carry
        far = tf.norm(state.position, axis=-1) > 1.5
        points = tf.where(far[:, None], 0.3 * points + 0.7 * state.position, points)
        log_t_ratio = tf.where(far, 0.3 * log_t_ratio, log_t_ratio)
        return request._replace(points=points, carry=(state, points, log_t_ratio))


class Uncorrected:
    """Accepts every trajectory, as if the integrator were exact."""

    def _move(self, state, log_prob_fn, seed):
        state = state._replace(log_prob=tf.fill(state.log_prob.shape, -np.float64(1e9)))
        return super()._move(state, log_prob_fn, seed)


class UncorrectedHMC(Uncorrected, HMC):
    pass


class UncorrectedMALA(Uncorrected, MALA):
    pass


def scaled(kernel_name, **options):
    """A kernel run on another target: the density to the power 1.2."""
    return kernels.make(
        kernel_name, target_log_prob_fn=lambda x: 1.2 * TARGET.graph_fn(x), **options
    )


def reference_twice():
    """Slices the target itself, not what is left of it over the reference."""
    inverse = np.linalg.inv(REFERENCE["scale_tril"])

    def log_prob(x):
        white = (x - REFERENCE["location"]) @ inverse.T
        return TARGET.graph_fn(x) - 0.5 * tf.reduce_sum(tf.square(white), axis=-1)

    return kernels.make("elliptical_slice", target_log_prob_fn=log_prob, **REFERENCE)


CONTROLS = {
    "independence, fitted to the chains it moves": lambda: FittedOnItself(
        **TARGET_FN, model=proposal()
    ),
    "random walk, sizes that depend on the place": lambda: SmallStepsOutside(
        **TARGET_FN, step_size=2.0, jitter=1.0
    ),
    "t-pCN, sizes that depend on the place": lambda: MixedOutside(
        **TARGET_FN, step_size=0.9, jitter=1.0, **REFERENCE
    ),
    "t-pCN, reference left out of the ratio": lambda: NoReferenceRatio(
        **TARGET_FN, step_size=0.6, **REFERENCE
    ),
    "elliptical slice, reference counted twice": reference_twice,
    "multiple try, chosen by density": lambda: ChoosesByTarget(
        **TARGET_FN, model=Wide(), num_proposals=3
    ),
    "HMC, every trajectory accepted": lambda: UncorrectedHMC(
        **TARGET_FN, step_size=1.1
    ),
    "MALA, every step accepted": lambda: UncorrectedMALA(**TARGET_FN, step_size=1.0),
    "HMC, another target": lambda: scaled("hmc", step_size=0.4),
    "elliptical slice, another target": lambda: scaled("elliptical_slice", **REFERENCE),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_control_is_seen(control):
    assert largest_z(run_eager(CONTROLS[control]()).position.numpy()) > FAIL


def test_control_a_proposal_fitted_to_a_short_past_is_seen():
    kernel = FittedOnAShortPast(**TARGET_FN, model=proposal())
    state = run_eager(kernel, steps=3 * FittedOnAShortPast.window)
    assert largest_z(state.position.numpy()) > FAIL


def folded(**options):
    inner = kernels.make("random_walk", step_size=0.8)
    return kernels.make(
        "preconditioned", **TARGET_FN, model=Folding(), inner=inner, **options
    )


def test_a_map_that_folds_is_refused_where_it_folds():
    """What is left is the target on the points that come back."""
    kernel = folded()
    x = exact_draws()
    z, _ = Folding().model.inverse_and_log_det(x)
    start = x[np.all((z.numpy() >= 0.0) | (np.abs(z) >= 1.0), axis=1)]
    state = kernel.init(start)
    for step in range(3):
        state, info = kernel.step(state, seed=(8, step))
    assert info.tally.as_dict()["not_invertible"] > 0
    assert largest_z(state.position.numpy(), before=start) < PASS


class Steep:
    """A steep map whose inverse is good to 2e-5: its errors in x are large."""

    event_size = 2
    scale = 1e3

    def forward_and_log_det(self, z):
        log_det = tf.fill(z.shape[:1], np.float64(2.0 * np.log(self.scale)))
        return self.scale * z, log_det

    def inverse_and_log_det(self, x):
        z = tf.round(x / self.scale / 5e-5) * 5e-5
        log_det = tf.fill(x.shape[:1], np.float64(-2.0 * np.log(self.scale)))
        return z, log_det

    def log_prob(self, x):
        """Of no use to this kernel, but part of what a map is."""
        z, log_det = self.inverse_and_log_det(x)
        return log_det - 0.5 * tf.reduce_sum(tf.square(z), axis=-1)

    def sample_and_log_prob(self, n, *, seed):
        z = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        return self.scale * z, self.log_prob(self.scale * z)


def test_states_built_anew_are_judged_as_those_that_arrive():
    """A composite rebuilds at each step; judged in x, chains here would die of it."""

    def log_prob(x):
        return -0.5 * tf.reduce_sum(tf.square(x / Steep.scale), axis=-1)

    start = Steep.scale * np.random.default_rng(0).normal(size=(20_000, 2))
    inner = kernels.make("random_walk", step_size=1.0)
    part = kernels.make("preconditioned", model=Steep(), inner=inner)
    kernel = kernels.make("cycle", target_log_prob_fn=log_prob, kernels=[part])
    state = kernel.init(start)
    for step in range(10):
        state, _ = kernel.step(state, seed=(6, step))
    end = state.position.numpy() / Steep.scale
    assert largest_z(end, before=start / Steep.scale) < PASS


def test_control_a_map_that_folds_is_seen_where_nobody_looks():
    kernel = folded(max_round_trip_error=None)
    assert largest_z(run_eager(kernel).position.numpy()) > FAIL


def test_draws_scored_by_tfp_through_its_cache_would_be_stale():
    """The package's own views are not: weights change, densities follow."""
    model = flow()
    x = model.distribution.sample(100, seed=(1, 2))
    before = model.distribution.log_prob(x)
    for variable in model.trainable_variables:
        variable.assign_add(0.3 * tf.ones_like(variable))
    after = model.distribution.log_prob(x)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, model.log_prob(tf.identity(x)), rtol=1e-12)
