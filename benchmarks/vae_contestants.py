"""Who moves on the curved surface: kernels without a model, with a flow, with a VAE.

A family is trained once and serves several kernels.  A VAE for jumps learns by `iwae`,
which is what jumps accept by; one to walk or to run HMC in learns by `elbo`, whose gap
is the divergence in the joint space.
"""

__all__ = ["CONTESTANTS", "train"]

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from flowmc import fit, kernels, models

HIDDEN, SMALL = [64, 64], [32, 32]  # small networks are smoother maps

Model = Any
Maker = Callable[..., Any]


def _plain(inner: str, model: Model, *, length: float | None = None) -> Any:
    options = {} if length is None else {"trajectory_length": length}
    return kernels.make(inner, step_size=0.04, **options)


def _preconditioned(inner: str, model: Model, *, length: float | None = None) -> Any:
    options = {} if length is None else {"trajectory_length": length}
    return kernels.make(
        "preconditioned",
        model=model,
        inner=kernels.make(inner, step_size=0.3, **options),
        max_round_trip_error=None,
    )


def _latent_hmc(model: Model, *, length: float = 3.0) -> Any:
    inner = kernels.make("hmc", step_size=0.2, trajectory_length=length)
    return kernels.make("latent_hmc", model=model, inner=inner)


def _latent_walk(model: Model) -> Any:
    return kernels.make("latent_walk", model=model)


def _latent_jump(model: Model, num: int) -> Any:
    return kernels.make("latent_independence", model=model, num_importance=num)


def _jump(model: Model) -> Any:
    return kernels.make("independence", model=model)


def _latent_cycle(model: Model) -> Any:
    return kernels.make("cycle", kernels=[_latent_jump(model, 8), _latent_walk(model)])


def _flow_cycle(model: Model) -> Any:
    walk = _preconditioned("random_walk", model)
    return kernels.make("cycle", kernels=[_jump(model), walk])


def train(
    family: str, draws: np.ndarray, *, codes: int, seed: int, quick: bool
) -> Model:
    """Train the family's model on draws `[n, D]`.

    Args:
        family: A key of `CONTESTANTS`.
        draws: To learn from.
        codes: Of a VAE for jumps.
        seed: Of weights and training.
        quick: Few steps.
    """
    if family == "none":
        return None
    options = {"event_size": draws.shape[1], "seed": seed}
    if family == "affine":
        model = models.make("gaussian", **options)
        model.fit_whitening(draws)
        return model
    if family == "vae, iwae":
        encoder = "gaussian" if codes == 1 else "iaf"
        options |= {"latent_size": codes, "hidden_units": HIDDEN, "encoder": encoder}
    elif family == "vae, elbo":
        options |= {"latent_size": 2, "hidden_units": SMALL}
        options |= {"encoder": "iaf", "prior": "flow"}
    model = models.make(family.partition(",")[0], **options)
    settings = TRAINING.get(family, {"max_steps": 3000})
    settings = {**settings, "max_steps": 100} if quick else settings
    fit(model, draws, seed=seed, **settings)
    return model


TRAINING = {
    "vae, iwae": {"max_steps": 3000, "whiten": False},
    "vae, elbo": {
        "max_steps": 4000,
        "whiten": False,
        "loss": "elbo",
        "learning_rate": 5e-3,
    },
}
# By family: name, kind of run, and a function of the model that makes the kernel.
CONTESTANTS: dict[str, list[tuple[str, str, Maker]]] = {
    "none": [
        ("hmc", "gradient", partial(_plain, "hmc")),
        ("hmc, length by warm-up", "length by warm-up", partial(_plain, "hmc")),
        ("random_walk", "walk", partial(_plain, "random_walk")),
    ],
    "affine": [("affine hmc", "gradient", partial(_preconditioned, "hmc"))],
    "maf": [
        ("maf jumps", "jump", _jump),
        ("maf walk", "walk", partial(_preconditioned, "random_walk")),
        ("maf jumps + walk", "walk", _flow_cycle),
    ],
    "iaf": [
        ("iaf jumps", "jump", _jump),
        ("iaf hmc", "gradient", partial(_preconditioned, "hmc")),
    ],
    "vae, iwae": [
        ("latent_independence", "jump", partial(_latent_jump, num=8)),
        ("latent_independence + latent_walk", "walk", _latent_cycle),
    ],
    "vae, elbo": [
        ("latent_walk", "walk", _latent_walk),
        ("latent_hmc", "gradient", _latent_hmc),
    ],
}
