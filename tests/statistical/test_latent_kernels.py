"""Kernels for VAEs leave the target where it is; the classic mistakes are seen.

The models are bad on purpose: an exact kernel must not depend on them.
"""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from tests.statistical.invariance import (
    FAIL,
    NUM_CHAINS,
    NUM_STEPS,
    PASS,
    RUNS,
    TARGET,
    exact_draws,
    largest_z,
    run_eager,
)
from tests.statistical.latent import (
    ElboAsLogQ,
    EstimateAsLogQ,
    latent,
    tails,
    vae,
)

JUMP, WALK, HMC = "latent_independence", "latent_walk", "latent_hmc"

FULL = pytest.mark.full


def hmc(name: str = "hmc", *, model: Any = None, **options: Any) -> Any:
    return latent(HMC, model, inner=kernels.make(name, **options))


def jumps(num_importance, **options):
    return latent(
        JUMP, options.pop("model", None), num_importance=num_importance, **options
    )


def defended(num_importance, **options):
    return jumps(num_importance, defensive=tails(), defensive_weight=0.3, **options)


# Forms of the three kernels; the plain ones run in every mode in `test_kernels`.
FORMS = {
    "jumps, K = 1": lambda: jumps(1),
    "jumps, K = 64": lambda: jumps(64),
    "jumps, K = 1, defended": lambda: defended(1),
    "jumps, K = 8, defended": lambda: defended(8),
    "jumps in blocks of four, K = 1": lambda: jumps(1, num_steps=4),
    "jumps in blocks of four, K = 8, defended": lambda: defended(8, num_steps=4),
    "jumps, one code": lambda: jumps(8, model=vae(latent_size=1)),
    "jumps, IAF encoder": lambda: jumps(8, model=vae(encoder="iaf")),
    "jumps, flow prior": lambda: jumps(8, model=vae(prior="flow")),
    "walk that draws anew": lambda: latent(WALK, step_size=1.0),
    "walk in small steps": lambda: latent(WALK, step_size=0.2),
    "walk, one code": lambda: latent(WALK, vae(latent_size=1)),
    "walk, IAF encoder": lambda: latent(WALK, vae(encoder="iaf")),
    "walk, flow prior": lambda: latent(WALK, vae(prior="flow")),
    "walk, flow prior of one code": lambda: latent(
        WALK, vae(prior="flow", latent_size=1)
    ),
    "HMC of short trajectories": lambda: hmc(step_size=0.5, trajectory_length=0.5),
    "MALA": lambda: hmc("mala", step_size=0.5),
    "HMC, one code": lambda: hmc(step_size=0.4, model=vae(latent_size=1)),
    "HMC, IAF encoder": lambda: hmc(step_size=0.4, model=vae(encoder="iaf")),
    "HMC, flow prior": lambda: hmc(step_size=0.4, model=vae(prior="flow")),
}


@pytest.mark.parametrize("form", FORMS)
def test_form_leaves_the_target_invariant(form):
    state = run_eager(FORMS[form]())
    assert largest_z(state.position.numpy()) < PASS
    host = TARGET.host_fn(state.position.numpy())
    np.testing.assert_allclose(state.log_prob, host, rtol=1e-9)


@pytest.mark.parametrize("mode", [pytest.param("graph", marks=FULL), "host"])
def test_defended_jumps_in_blocks_are_exact_in_every_mode(mode):
    state = RUNS[mode](defended(8, num_steps=4))
    assert largest_z(state.position.numpy()) < PASS


@pytest.mark.full
def test_a_no_u_turn_sampler_inside_is_exact():
    state = RUNS["graph"](hmc("nuts", step_size=0.6))
    assert largest_z(state.position.numpy()) < PASS


def skewed_line(x):
    """A skewed law on the line, `[n, 1] -> [n]`."""
    bent = tf.asinh(x[:, 0]) - 0.6
    slope = tf.math.log(tf.cosh(bent)) - 0.5 * tf.math.log1p(tf.square(x[:, 0]))
    return slope - 0.5 * tf.square(tf.sinh(bent))


@pytest.mark.parametrize("name", [JUMP, WALK, HMC])
def test_one_parameter_and_one_code(name):
    z = np.random.default_rng(0).normal(size=(NUM_CHAINS, 1))
    before = np.sinh(np.arcsinh(z) + 0.6)
    model = vae(event_size=1, latent_size=1, draws=before[:500])
    options = {"inner": kernels.make("hmc", step_size=0.4)} if name == HMC else {}
    kernel = kernels.make(name, target_log_prob_fn=skewed_line, model=model, **options)
    state = kernel.init(before)
    for step in range(NUM_STEPS):
        state, _ = kernel.step(state, seed=(3, step))
    after = np.repeat(state.position.numpy(), 2, axis=1)
    assert largest_z(after, before=np.repeat(before, 2, axis=1)) < PASS


def test_states_along_a_block_are_draws_and_proposals_weigh_right():
    kernel = defended(2, num_steps=4)
    _, info = kernel.step(kernel.init(exact_draws()), seed=(5, 6))
    for position in info.path.position.numpy():
        assert largest_z(position) < PASS
    weight = np.exp(info.path.proposal_log_weight.numpy().ravel())
    error = weight.std() / np.sqrt(len(weight))
    assert abs(weight.mean() - np.exp(TARGET.log_evidence)) < PASS * error


def test_more_codes_are_accepted_more_often():
    shares = []
    for num_importance in (1, 8, 64):
        kernel = jumps(num_importance)
        _, info = kernel.step(kernel.init(exact_draws()), seed=(1, 2))
        shares.append(np.mean(info.is_accepted))
    assert shares[0] + 0.05 < shares[1]
    assert shares[1] + 0.02 < shares[2]


def test_walk_is_accepted_as_the_step_shrinks():
    shares = []
    for step_size in (0.3, 0.03, 0.003):
        kernel = latent(WALK, step_size=step_size)
        _, info = kernel.step(kernel.init(exact_draws()), seed=(1, 2))
        shares.append(1.0 - np.mean(info.is_accepted))
    assert shares[1] < 0.15 * shares[0]
    assert shares[2] < 0.15 * shares[1] < 0.01


# Negative controls: each is wrong in one place, and the test must say so.


class Altered:
    """A VAE that reports something else than it does."""

    def __init__(self, model: Any) -> None:
        for name in set(dir(model)) - set(dir(tf.Module)) - set(dir(type(self))):
            setattr(self, name, getattr(model, name))
        self.model = model


class EncoderLeftOut(Altered):
    def sample_encoder(self, x, *, seed, num=1):
        z, log_r = self.model.sample_encoder(x, seed=seed, num=num)
        return z, tf.zeros_like(log_r)

    def log_encoder(self, z, x):
        return tf.zeros_like(self.model.log_encoder(z, x))


class ScalesLeftOut(Altered):
    def noise_to_x(self, e, z):
        x, log_det = self.model.noise_to_x(e, z)
        return x, tf.zeros_like(log_det)

    def x_to_noise(self, x, z):
        e, log_det = self.model.x_to_noise(x, z)
        return e, tf.zeros_like(log_det)


class PriorMapLeftOut(Altered):
    def prior_forward_and_log_det(self, u):
        z, log_det = self.model.prior_forward_and_log_det(u)
        return z, tf.zeros_like(log_det)

    def prior_inverse_and_log_det(self, z):
        u, log_det = self.model.prior_inverse_and_log_det(z)
        return u, tf.zeros_like(log_det)


def mistaken(kind, num_importance):
    kernel = jumps(num_importance)
    kernel._proposal.__class__ = kind
    return kernel


CONTROLS = {
    "jumps, ELBO as log q": lambda: mistaken(ElboAsLogQ, 8),
    "jumps, one estimate as log q": lambda: mistaken(EstimateAsLogQ, 1),
    "jumps, an estimate by 8 codes as log q": lambda: mistaken(EstimateAsLogQ, 8),
    "walk, encoder left out": lambda: latent(WALK, EncoderLeftOut(vae())),
    "walk, scales left out": lambda: latent(WALK, ScalesLeftOut(vae())),
    "walk, prior's map left out": lambda: latent(
        WALK, PriorMapLeftOut(vae(prior="flow"))
    ),
    "HMC, encoder left out": lambda: hmc(step_size=0.4, model=EncoderLeftOut(vae())),
    "HMC, scales left out": lambda: hmc(
        step_size=0.4, trajectory_length=1.0, model=ScalesLeftOut(vae())
    ),
    "HMC, prior's map left out": lambda: hmc(
        step_size=0.4,
        trajectory_length=0.5,
        model=PriorMapLeftOut(vae(prior="flow")),
    ),
}


# Determinants differ little along one step; what is wrong with them adds up.
STEPS = {"": NUM_STEPS, "scales": 25, "map": 12}


@pytest.mark.parametrize("control", CONTROLS)
def test_control_is_seen(control):
    steps = max(num for word, num in STEPS.items() if word in control)
    state = run_eager(CONTROLS[control](), steps=steps)
    assert largest_z(state.position.numpy()) > FAIL
