"""Every family's draws and densities belong together: an integral of known value.

For h a normal density inside the bulk of a model q, the mean of h / q over draws of q
is 1.  A density that is off by a factor, or draws of other weights, show.
"""

__all__ = ["check_model", "density_names"]

import numpy as np
from scipy import stats

from flowmc import models
from flowmc.core.registry import MODELS
from flowmc.core.seeds import generator
from flowmc.targets import skewed_gaussian
from flowmc.validation.check import Check

TARGET = skewed_gaussian()
PERTURBATION = 0.1
NARROWER = 0.5  # width of h in units of the model's


def density_names() -> list[str]:
    """Return the families that have a density."""
    return [name for name in MODELS.names() if hasattr(MODELS.get(name), "log_prob")]


def check_model(name: str, *, num_draws: int, seed: int) -> list[Check]:
    """Integrate a normal density by draws of the model `name`, perturbed."""
    model = models.make(name, event_size=2, seed=seed)
    draws = TARGET.sample(1000, seed=seed)
    model.fit_whitening(draws)
    random = generator(seed)
    for variable in model.trainable_variables:
        noise = PERTURBATION * random.standard_normal(variable.shape)
        variable.assign_add(np.asarray(noise, variable.dtype.name))
    x, log_q = model.sample_and_log_prob(num_draws, seed=seed)
    x, log_q = np.asarray(x, np.float64), np.asarray(log_q, np.float64)
    h = stats.multivariate_normal(x.mean(axis=0), NARROWER**2 * np.cov(x.T))
    ratio = np.exp(h.logpdf(x) - log_q)
    error = ratio.std(ddof=1) / np.sqrt(num_draws)
    numbers = float(ratio.mean()), float(error), 1.0, float(ratio.std())
    return [Check("models", name, "integral of a density", *numbers)]
