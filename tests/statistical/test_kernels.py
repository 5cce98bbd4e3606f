"""Every kernel leaves the target where it is; each way of being wrong is seen."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.registry import KERNELS
from flowmc.kernels.random_walk import RandomWalk
from flowmc.models.mixture import MixtureDensity
from flowmc.sampling.block import make_block
from flowmc.sampling.settings import JUMPS
from flowmc.sampling.space import Space
from flowmc.sampling.sweep import Sweep
from tests.statistical.invariance import (
    FAIL,
    NUM_CHAINS,
    NUM_STEPS,
    PASS,
    RUNS,
    TARGET,
    Wide,
    exact_draws,
    flow,
    largest_z,
    proposal,
    run_eager,
)
from tests.statistical.latent import latent

SLOW = ("nuts", "eager")
MIXING = np.array([[1.0, 0.0], [0.7, 0.8]])


def random_walk(**options):
    return kernels.make(
        "random_walk",
        target_log_prob_fn=TARGET.graph_fn,
        step_size=0.8,
        scale_tril=MIXING,
        **options,
    )


def independence(model=None, **options):
    return kernels.make(
        "independence",
        target_log_prob_fn=TARGET.graph_fn,
        model=model or proposal(),
        **options,
    )


def two_flows():
    """The mixture of two groups' flows that production may propose from."""
    return MixtureDensity([proposal(), proposal(seed=2)], weights=[0.6, 0.4])


def preconditioned(model=None, inner=None):
    return kernels.make(
        "preconditioned",
        target_log_prob_fn=TARGET.graph_fn,
        model=model or flow(),
        inner=inner or kernels.make("random_walk", step_size=0.8),
    )


def on_target(name, **options):
    return kernels.make(name, target_log_prob_fn=TARGET.graph_fn, **options)


def composed(name, **options):
    """A local walk and jumps; the parts know no target of their own."""
    parts = [
        kernels.make("random_walk", step_size=0.8, scale_tril=MIXING),
        kernels.make("independence", model=Wide()),
    ]
    return on_target(name, kernels=parts, **options)


# Where the elliptical kernels look for the target: near it, not at it.
REFERENCE = {"location": [0.7, 0.9], "scale_tril": 1.3 * MIXING}

LATENT = Wide(mean=[0.0, 0.0], scale_tril=1.5 * np.eye(2))  # for the base space

# One builder for each registered kernel.
BUILDERS = {
    "cycle": lambda: composed("cycle"),
    "elliptical_slice": lambda: on_target("elliptical_slice", **REFERENCE),
    "hmc": lambda: on_target("hmc", step_size=0.4),
    "independence": independence,
    "latent_hmc": lambda: latent(
        "latent_hmc", inner=kernels.make("hmc", step_size=0.4)
    ),
    "latent_independence": lambda: latent("latent_independence", num_importance=8),
    "latent_walk": lambda: latent("latent_walk", step_size=0.6),
    "mala": lambda: on_target("mala", step_size=0.4),
    "mixture": lambda: composed("mixture", probabilities=[0.6, 0.4]),
    "multiple_try": lambda: on_target("multiple_try", model=Wide(), num_proposals=3),
    "nuts": lambda: on_target("nuts", step_size=0.6),
    "preconditioned": preconditioned,
    "random_walk": random_walk,
    "stretch": lambda: on_target("stretch"),
    "t_pcn": lambda: on_target("t_pcn", step_size=0.6, **REFERENCE),
}
# A No-U-Turn tree in eager mode takes minutes.
MODES = [(name, mode) for name in BUILDERS for mode in RUNS if (name, mode) != SLOW]
# Their compilation alone takes long, and the parts they are made of have run by then.
LONG = {
    ("cycle", "graph"),
    ("latent_hmc", "graph"),
    ("latent_hmc", "host"),
    ("latent_independence", "graph"),
    ("mixture", "graph"),
    ("nuts", "host"),
}
CASES = [
    pytest.param(*case, marks=[pytest.mark.full] if case in LONG else [])
    for case in MODES
]
# Further forms of the same kernels, in eager mode.
FORMS = {
    "preconditioned HMC": lambda: preconditioned(inner=kernels.make("hmc")),
    "preconditioned MALA": lambda: preconditioned(
        inner=kernels.make("mala", step_size=0.7)
    ),
    "preconditioned t-pCN": lambda: preconditioned(inner=kernels.make("t_pcn")),
    "preconditioned elliptical slice": lambda: preconditioned(
        inner=kernels.make("elliptical_slice")
    ),
    "plain pCN": lambda: on_target(
        "t_pcn", step_size=0.6, degrees_of_freedom=None, **REFERENCE
    ),
    "multiple try of one proposal": lambda: on_target(
        "multiple_try", model=proposal(), num_proposals=1
    ),
    "HMC of short trajectories": lambda: on_target(
        "hmc", step_size=0.9, trajectory_length=0.5
    ),
    "preconditioned stretch": lambda: preconditioned(inner=kernels.make("stretch")),
    "random walk of many sizes": lambda: random_walk(jitter=3.0),
    "t-pCN of many sizes": lambda: on_target(
        "t_pcn", step_size=0.9, jitter=3.0, **REFERENCE
    ),
    "HMC of many sizes": lambda: on_target("hmc", step_size=0.9, jitter=3.0),
    "preconditioned random walk of many sizes": lambda: preconditioned(
        inner=kernels.make("random_walk", step_size=1.6, jitter=3.0)
    ),
    "independence of a bare flow": lambda: independence(flow()),
    "independence of two flows": lambda: independence(two_flows()),
    "independence in blocks of four": lambda: independence(num_steps=4),
    "preconditioned independence": lambda: preconditioned(
        inner=kernels.make(
            "independence", model=Wide(mean=[0.0, 0.0], scale_tril=1.5 * np.eye(2))
        )
    ),
    "preconditioned by a preconditioner": lambda: preconditioned(
        inner=kernels.make(
            "preconditioned",
            model=flow(seed=2),
            inner=kernels.make("random_walk", step_size=0.8),
        )
    ),
}


def test_every_registered_kernel_has_a_builder():
    assert set(BUILDERS) == set(KERNELS)


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_kernel_leaves_the_target_invariant(name, mode):
    state = RUNS[mode](BUILDERS[name]())
    x = state.position.numpy()
    assert largest_z(x) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(x), rtol=1e-10)


@pytest.mark.parametrize("mode", ["graph", "host"])
@pytest.mark.parametrize("form", ["random walk", "t-pCN"])
def test_steps_of_many_sizes_do_so_in_every_mode(form, mode):
    x = RUNS[mode](FORMS[f"{form} of many sizes"]()).position.numpy()
    assert largest_z(x) < PASS


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=[pytest.mark.full] if "HMC" in form else [])
        for form in FORMS
    ],
)
def test_form_leaves_the_target_invariant(form):
    assert largest_z(run_eager(FORMS[form]()).position.numpy()) < PASS


def test_states_along_a_block_of_jumps_are_draws_too():
    kernel = independence(num_steps=4)
    state, info = kernel.step(kernel.init(exact_draws()), seed=(5, 6))
    for position in info.path.position.numpy():
        assert largest_z(position) < PASS
    np.testing.assert_array_equal(info.path.position[-1], state.position)


@pytest.mark.parametrize("backend", ["tensorflow", "numpy"])
@pytest.mark.parametrize("jump", JUMPS)
def test_the_whole_sweep_leaves_the_target_invariant(backend, jump):
    block = sweep_block(backend, proposal(), jump=jump)
    log_prob = TARGET.host_fn(exact_draws())
    moved = block.run(exact_draws(), log_prob, first=0, count=2, seed=(7, 8))
    assert largest_z(moved.position) < PASS
    np.testing.assert_allclose(moved.log_prob, TARGET.host_fn(moved.position))
    record = moved.record
    num_states = 4 if jump == "independence" else 3  # of two proposals one is chosen
    assert record.position.shape == (2, num_states, NUM_CHAINS, 2)
    assert record.proposal.shape == (2, 2, NUM_CHAINS, 2)
    for position in record.position.reshape(-1, NUM_CHAINS, 2):
        assert largest_z(position) < PASS
    np.testing.assert_array_equal(record.position[-1, -1], moved.position)
    # The proposals on the way are an importance sample of the same target.
    weight = np.exp(record.proposal_log_weight.ravel())
    error = weight.std() / np.sqrt(len(weight))
    assert abs(weight.mean() - np.exp(TARGET.log_evidence)) < PASS * error


def sweep_block(backend, jump_model, *, jump="independence"):
    space = Space(TARGET.target(backend))
    size = {"num_steps" if jump == "independence" else "num_proposals": 2}
    sweep = Sweep(
        kernels.make(
            "preconditioned",
            model=flow(),
            inner=kernels.make("random_walk", step_size=0.8),
        ),
        kernels.make(jump, model=jump_model, **size),
        num_local=2,
    )
    return make_block(sweep, space, num_chains=NUM_CHAINS)


# Negative controls: each is wrong in one place, and the test must say so.


class Rescored:
    """A proposal that reports another density than its own."""

    event_size = 2

    def __init__(self, model, log_prob_fn):
        self.model, self.log_prob = model, log_prob_fn

    def sample_and_log_prob(self, n, *, seed):
        x = self.model.sample(n, seed=seed)
        return x, self.log_prob(x)


class Remapped:
    """A map whose log-determinants are multiplied by a factor."""

    event_size = 2

    def __init__(self, model, factor):
        self.model, self.factor = model, factor
        self.log_prob = model.log_prob
        self.sample_and_log_prob = model.sample_and_log_prob

    def forward_and_log_det(self, z):
        x, log_det = self.model.forward_and_log_det(z)
        return x, self.factor * log_det

    def inverse_and_log_det(self, x):
        z, log_det = self.model.inverse_and_log_det(x)
        return z, self.factor * log_det


class Drifting(RandomWalk):
    """Steps uphill in one direction without correcting for it."""

    def propose(self, state, *, seed):
        request = super().propose(state, seed=seed)
        points = request.points + 0.3
        return request._replace(points=points, carry=(state, points))


def flipped_sign():
    """The log ratio of log pi - log q, with the opposite sign."""
    model = proposal()
    return independence(
        Rescored(model, lambda x: 2.0 * TARGET.graph_fn(x) - model.log_prob(x))
    )


def factor_omitted():
    """Accepts by the target alone, as if the proposal were symmetric."""
    return independence(Rescored(proposal(), lambda x: tf.zeros_like(x[:, 0])))


def other_weights():
    """Draws made with one set of weights, scored with another."""
    return independence(Rescored(proposal(), proposal(seed=2).log_prob))


def one_flow_scored():
    """Draws of two groups' flows, scored by the first alone."""
    mixture = two_flows()
    return independence(Rescored(mixture, mixture.parts[0].log_prob))


CONTROLS = {
    "independence, a mixture scored by one of its parts": one_flow_scored,
    "independence, flipped sign": flipped_sign,
    "independence, factor omitted": factor_omitted,
    "independence, draws and densities of different weights": other_weights,
    "preconditioned, log-det of the wrong sign": lambda: preconditioned(
        Remapped(flow(), -1.0)
    ),
    "preconditioned, log-det omitted": lambda: preconditioned(Remapped(flow(), 0.0)),
    "random walk, asymmetric": lambda: Drifting(
        target_log_prob_fn=TARGET.graph_fn, step_size=0.8
    ),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_control_is_seen(control):
    assert largest_z(run_eager(CONTROLS[control]()).position.numpy()) > FAIL


@pytest.mark.full
@pytest.mark.parametrize("mode", ["graph", "host"])
def test_control_is_seen_in_every_mode(mode):
    assert largest_z(RUNS[mode](flipped_sign()).position.numpy()) > FAIL


@pytest.mark.parametrize("jump", JUMPS)
def test_a_sweep_with_jumps_scored_by_other_weights_is_seen(jump):
    model = Rescored(proposal(), proposal(seed=2).log_prob)
    block = sweep_block("numpy", model, jump=jump)
    log_prob = TARGET.host_fn(exact_draws())
    moved = block.run(exact_draws(), log_prob, first=0, count=2, seed=(7, 8))
    assert largest_z(moved.position) > FAIL


def relearned(kernel, *, is_rebuilt):
    """Change the proposal's weights under a running chain."""
    state = kernel.init(exact_draws())
    for step in range(NUM_STEPS):
        for variable, value in zip(
            kernel._model.trainable_variables,
            proposal(seed=step + 4).trainable_variables,
            strict=True,
        ):
            variable.assign(value)
        if is_rebuilt:
            state = kernel.init(state.position, state.log_prob)
        state, _ = kernel.step(state, seed=(9, step))
    return state.position.numpy()


def test_caches_rebuilt_after_learning_are_exact():
    assert largest_z(relearned(independence(), is_rebuilt=True)) < PASS


def test_control_stale_caches_after_learning_are_seen():
    assert largest_z(relearned(independence(), is_rebuilt=False)) > FAIL


def test_control_a_sweep_with_a_wrong_density_is_seen():
    model = proposal()
    block = sweep_block("numpy", Rescored(model, lambda x: 0.5 * model.log_prob(x)))
    log_prob = TARGET.host_fn(exact_draws())
    moved = block.run(exact_draws(), log_prob, first=0, count=2, seed=(7, 8))
    assert largest_z(moved.position) > FAIL
