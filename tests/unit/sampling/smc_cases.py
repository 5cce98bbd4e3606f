"""Small targets with a known evidence, and settings that make them quick."""

from typing import Any

import numpy as np
from scipy import stats

from flowmc import Target
from flowmc.sampling.sample_smc import sample_smc
from flowmc.sampling.settings import smc_schedule

PRIOR_SD, NOISE_SD, DATUM = 2.0, 0.5, 1.0
PRIOR = {"a": stats.norm(0.0, PRIOR_SD), "b": stats.norm(0.0, PRIOR_SD)}
TOTAL = PRIOR_SD**2 + NOISE_SD**2
# Two independent measurements of a normal mean.
LOG_EVIDENCE = 2.0 * stats.norm.logpdf(DATUM, scale=TOTAL**0.5)
MEAN = DATUM * PRIOR_SD**2 / TOTAL
SD = PRIOR_SD * NOISE_SD / TOTAL**0.5
UNIFORM = {"a": stats.uniform(0.0, 1.0), "b": stats.uniform(0.0, 1.0)}


def log_likelihood(theta: np.ndarray) -> np.ndarray:
    """Measurements of both coordinates."""
    return stats.norm.logpdf(DATUM, loc=theta, scale=NOISE_SD).sum(axis=-1)


def gaussian(**options: Any) -> Target:
    """Return the conjugate target on the host."""
    return Target(
        log_likelihood_fn=log_likelihood, prior=PRIOR, backend="numpy", **options
    )


def run(target: Target, **options: Any) -> Any:
    """Run with an affine model and few particles, so that nothing is trained."""
    settings: dict[str, Any] = {
        "num_particles": 384,
        "num_draws": 1000,
        "model": "gaussian",
        "schedule": smc_schedule(),
        "seed": 0,
        **options,
    }
    return sample_smc(target, **settings)
