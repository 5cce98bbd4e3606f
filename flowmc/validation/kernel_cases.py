"""Few-sweep invariance of every kernel, and a kernel that is wrong on purpose.

Chains start at exact draws of a skewed, correlated target, so that an exact kernel
leaves every moment where it was, however bad its proposals are.  The models are bad on
purpose: a kernel must not depend on them.
"""

__all__ = ["SLOW", "check_drift", "check_kernel", "kernel_names"]

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from flowmc import kernels, models
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import fold_in, generator, root_seed
from flowmc.kernels.random_walk import RandomWalk
from flowmc.sampling.chains import run_chains
from flowmc.targets import skewed_gaussian
from flowmc.validation.check import Check
from flowmc.validation.estimates import change_checks

NUM_STEPS = 3
PERTURBATION = 0.25  # sd of what is added to a model's weights
DRIFT = 0.3  # of the kernel that is wrong
SLOW = ("elliptical_slice", "hmc", "latent_hmc", "mala", "nuts")  # without compilation
TARGET = skewed_gaussian()
MIXING = np.array([[1.0, 0.0], [0.7, 0.8]])
REFERENCE = {"location": [0.7, 0.9], "scale_tril": 1.3 * MIXING}
FUNCTIONS = {
    "E[x]": lambda theta: theta[:, 0],
    "E[y]": lambda theta: theta[:, 1],
    "E[x^2]": lambda theta: theta[:, 0] ** 2,
    "E[y^2]": lambda theta: theta[:, 1] ** 2,
    "E[x y]": lambda theta: theta[:, 0] * theta[:, 1],
}


def kernel_names() -> list[str]:
    """Return the registered kernels, those of other distributions included."""
    return KERNELS.names()


def check_kernel(
    name: str, *, num_chains: int, seed: int, is_compiled: bool = True
) -> list[Check]:
    """Move exact draws by a few steps of one kernel and compare the moments.

    Args:
        name: Registered name.
        num_chains: Independent chains.
        seed: Of draws and steps.
        is_compiled: Whether steps are compiled by XLA, as samplers have them.
    """
    before = TARGET.sample(num_chains, seed=seed)
    options = OPTIONS[name]() if name in OPTIONS else {}
    if is_compiled:
        kernel = kernels.make(name, **options)
        chains = run_chains(
            kernel, TARGET.target(), before, num_steps=NUM_STEPS, seed=seed
        )
        after = chains.theta[-1]
    else:
        kernel = kernels.make(name, target_log_prob_fn=TARGET.graph_fn, **options)
        after = _steps(kernel, before, seed=seed)
    return change_checks(("kernels", name), before, after, FUNCTIONS)


def check_drift(*, num_chains: int, seed: int) -> list[Check]:
    """Do the same with a walk that goes uphill uncorrected; it must be seen."""
    before = TARGET.sample(num_chains, seed=seed)
    kernel = _Drifting(target_log_prob_fn=TARGET.graph_fn, step_size=0.8)
    place = ("kernels", "control: a walk that drifts")
    after = _steps(kernel, before, seed=seed)
    checks = change_checks(place, before, after, FUNCTIONS, is_control=True)
    return [max(checks, key=lambda check: abs(check.z))]


def _steps(kernel: Any, before: np.ndarray, *, seed: int) -> np.ndarray:
    state, run_seed = kernel.init(before), root_seed(seed)
    for step in range(NUM_STEPS):
        state, _ = kernel.step(state, seed=fold_in(run_seed, "step", step))
    return state.position.numpy()


class _Drifting(RandomWalk):
    """Adds a step that the ratio does not know of."""

    def propose(self, state: Any, *, seed: Any) -> Any:
        request = super().propose(state, seed=seed)
        points = request.points + DRIFT
        return request._replace(points=points, carry=(state, points))


@cache
def _flow() -> Any:
    model = models.make("maf", event_size=2, num_layers=2, hidden_units=[8], seed=3)
    return _perturbed(model)


@cache
def _vae() -> Any:
    return _perturbed(
        models.make("vae", event_size=2, latent_size=2, hidden_units=[8], seed=3)
    )


def _perturbed(model: Any) -> Any:
    model.fit_whitening(TARGET.sample(500, seed=3))
    random = generator(3)
    for variable in model.trainable_variables:
        noise = random.standard_normal(variable.shape)
        variable.assign_add(np.asarray(PERTURBATION * noise, variable.dtype.name))
    return model


def _proposal() -> Any:
    mixture = models.defensive(_flow())
    mixture.fit_tails(TARGET.sample(500, seed=3))
    return mixture


def _walk(**options: Any) -> Any:
    return kernels.make("random_walk", step_size=0.8, **options)


def _parts() -> list[Any]:
    jump = kernels.make("independence", model=_proposal())
    return [_walk(scale_tril=MIXING), jump]


OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "cycle": lambda: {"kernels": _parts()},
    "elliptical_slice": lambda: REFERENCE,
    "hmc": lambda: {"step_size": 0.4},
    "independence": lambda: {"model": _proposal()},
    "latent_hmc": lambda: {
        "model": _vae(),
        "inner": kernels.make("hmc", step_size=0.4),
    },
    "latent_independence": lambda: {"model": _vae(), "num_importance": 8},
    "latent_walk": lambda: {"model": _vae(), "step_size": 0.6},
    "mala": lambda: {"step_size": 0.4},
    "mixture": lambda: {"kernels": _parts(), "probabilities": [0.6, 0.4]},
    "multiple_try": lambda: {"model": _proposal(), "num_proposals": 3},
    "nuts": lambda: {"step_size": 0.6},
    "preconditioned": lambda: {"model": _flow(), "inner": _walk()},
    "random_walk": lambda: {"step_size": 0.8, "scale_tril": MIXING},
    "t_pcn": lambda: {"step_size": 0.6, **REFERENCE},
}
