"""One compiled `sample_smc` for many likelihoods under one prior: a second each."""

from typing import Any

import numpy as np
from scipy import stats

from flowmc import Target
from flowmc.core.progress import NullProgress
from flowmc.core.seeds import root_seed
from flowmc.sampling.budget import Budget
from flowmc.sampling.engine import Engine
from flowmc.sampling.sample_smc import sample_smc
from flowmc.sampling.saver import Saver
from flowmc.sampling.settings import smc_schedule
from flowmc.sampling.smc_assemble import assemble_smc
from flowmc.sampling.smc_loop import run_smc
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState

UNIFORM = {"a": stats.uniform(0.0, 1.0), "b": stats.uniform(0.0, 1.0)}
NUM_CHAINS = 64
NOISE_SD, DATA = 0.1, (0.5, 0.2)
# Two measurements; the box cuts their tails.
INSIDE = [stats.norm.cdf([(1.0 - d) / NOISE_SD, -d / NOISE_SD]) for d in DATA]
LOG_EVIDENCE = float(np.sum([np.log(high - low) for high, low in INSIDE]))
LAWS = [
    stats.truncnorm(-d / NOISE_SD, (1.0 - d) / NOISE_SD, loc=d, scale=NOISE_SD)
    for d in DATA
]


def measured(theta: np.ndarray) -> np.ndarray:
    """Log-likelihood of a measurement of each coordinate."""
    return stats.norm.logpdf(theta, loc=DATA, scale=NOISE_SD).sum(axis=-1)


def gaussian(**options: Any) -> Target:
    """Return the target of the two measurements."""
    return Target(log_likelihood_fn=measured, prior=UNIFORM, backend="numpy", **options)


def run(target: Target, **options: Any) -> Any:
    """Run `sample_smc` with the affine model, which needs no training."""
    settings: dict[str, Any] = {
        "num_particles": 384,
        "num_draws": 1000,
        "model": "gaussian",
        "seed": 0,
        **options,
    }
    return sample_smc(target, **settings)


class Bench:
    """Runs the sampler's phases on any likelihood, compiled once."""

    def __init__(self) -> None:
        self._likelihood = measured
        self.target = Target(
            log_likelihood_fn=lambda theta: self._likelihood(theta),
            prior=UNIFORM,
            backend="numpy",
            on_nan="reject",
        )
        self._engine = Engine(
            Space(self.target),
            model="gaussian",
            kernel="t_pcn@affine",
            schedule=smc_schedule(),
            num_chains=NUM_CHAINS,
            seed=root_seed(0),
            progress=False,
        )

    def solve(
        self, likelihood: Any, *, seed: int = 0, num_draws: int = 1000, **limits: Any
    ) -> Any:
        """Return the posterior of one likelihood."""
        self._likelihood = likelihood
        engine = self._engine
        engine.seed = root_seed(seed)
        engine.learner.from_arrays(engine.blank)
        state, reasons = run_smc(
            engine,
            RunState(),
            budget=Budget(num_draws, **limits),
            saver=Saver(None, identity={}),
            bar=NullProgress(),
        )
        return assemble_smc(
            engine, state, num_draws=num_draws, config={}, reasons=reasons
        )
