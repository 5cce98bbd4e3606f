"""Every family's draws and densities belong together.

For a normal density h beside a model q,

    E_q[h / (h + q)] = E_h[q / (h + q)]

if, and in general only if, the draws of q have the density that it reports.  What is
averaged lies between 0 and 1, so that the errors are those of a normal law however bad
the model is; plain importance weights would have no such bound.

Reference: Meng and Wong (1996), Statistica Sinica 6, 831.
"""

__all__ = ["check_model", "density_names"]

import math
from typing import Any

import numpy as np
from scipy import special, stats

from flowmc import models
from flowmc.core.registry import MODELS
from flowmc.core.seeds import fold_in, generator, root_seed
from flowmc.targets import skewed_gaussian
from flowmc.validation.check import Check

TARGET = skewed_gaussian()
PERTURBATION = 0.05  # sd of what is added to the weights
WIDER = 1.5  # scale of h in units of the model's


def density_names() -> list[str]:
    """Return the families that have a density."""
    return [name for name in MODELS.names() if hasattr(MODELS.get(name), "log_prob")]


def check_model(name: str, *, num_draws: int, seed: int) -> list[Check]:
    """Compare both sides for the model `name`, perturbed.

    Args:
        name: Family.
        num_draws: Draws of the model, and of the normal law.
        seed: Of weights and draws.
    """
    model = _perturbed(models.make(name, event_size=2, seed=seed), seed=seed)
    # Where the model lies is asked of other draws than those that are compared.
    few, _ = model.sample_and_log_prob(1000, seed=fold_in(root_seed(seed), "few"))
    few = np.asarray(few, np.float64)
    normal = stats.multivariate_normal(few.mean(axis=0), WIDER**2 * np.cov(few.T))
    x, log_q = model.sample_and_log_prob(num_draws, seed=fold_in(root_seed(seed), "q"))
    x = np.asarray(x, np.float64)
    random = generator(fold_in(root_seed(seed), "h"))
    y = normal.rvs(num_draws, random_state=random)
    left = special.expit(normal.logpdf(x) - np.asarray(log_q, np.float64))
    right = special.expit(np.asarray(model.log_prob(y), np.float64) - normal.logpdf(y))
    spread = math.sqrt(left.var(ddof=1) + right.var(ddof=1))
    numbers = float(left.mean()), spread / math.sqrt(num_draws), float(right.mean())
    return [Check("models", name, "draws and density", *numbers, spread)]


def _perturbed(model: Any, *, seed: int) -> Any:
    model.fit_whitening(TARGET.sample(1000, seed=seed))
    random = generator(fold_in(root_seed(seed), "weights"))
    for variable in model.trainable_variables:
        noise = PERTURBATION * random.standard_normal(variable.shape)
        variable.assign_add(np.asarray(noise, variable.dtype.name))
    return model
