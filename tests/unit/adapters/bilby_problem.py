"""A bilby problem with a known answer; importable by worker processes.

    a ~ N(0, 2) kept above 0,  b | a ~ N(a, 1),  phase ~ U(0, 2 pi), circular
    likelihood = N(1.3; b + offset, 0.4) exp(2 cos(phase)),  offset = 0.5, fixed

So a has the density N(a; mean, sd) cut at 0, and b given a is normal again.
"""

import os
import signal

import bilby
import numpy as np
from bilby.core.prior import (
    ConditionalGaussian,
    ConditionalPriorDict,
    Constraint,
    DeltaFunction,
    Normal,
    Uniform,
)
from scipy import special, stats

KAPPA = 2.0
DATUM, OFFSET, NOISE, SCATTER, WIDTH = 1.3, 0.5, 0.4, 1.0, 2.0
REACH = NOISE**2 + SCATTER**2  # variance of the datum given a
VARIANCE = 1 / (1 / WIDTH**2 + 1 / REACH)
A = stats.truncnorm(
    -VARIANCE * (DATUM - OFFSET) / REACH / VARIANCE**0.5,
    np.inf,
    VARIANCE * (DATUM - OFFSET) / REACH,
    VARIANCE**0.5,
)
GAIN = SCATTER**2 / REACH
MEAN_B = (1 - GAIN) * A.mean() + GAIN * (DATUM - OFFSET)
SD_B = np.sqrt((1 - GAIN) ** 2 * A.var() + SCATTER**2 * (1 - GAIN))
LOG_EVIDENCE = (
    stats.norm.logpdf(DATUM - OFFSET, 0, np.sqrt(REACH + WIDTH**2))
    + stats.norm.logsf(0, VARIANCE * (DATUM - OFFSET) / REACH, VARIANCE**0.5)
    - np.log(0.5)  # the share of the prior that keeps the constraint
    + np.log(special.i0(KAPPA))
)
COSINE = special.i1(KAPPA) / special.i0(KAPPA)


class Likelihood(bilby.Likelihood):
    """The likelihood; it stops its own process at the evaluation `stop_at`."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.stop_at, self.count = stop_at, 0
        self.pids = set()

    def log_likelihood(self, parameters):
        self.count += 1
        if self.count == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        place = parameters["b"] + parameters["offset"]
        return stats_norm(DATUM, place, NOISE) + KAPPA * np.cos(parameters["phase"])


def stats_norm(x, loc, scale):
    """Log-density of a normal law, without SciPy's overhead."""
    return -0.5 * ((x - loc) / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi))


def around(reference_params, a):
    """The condition of b."""
    return {"mu": a, "sigma": reference_params["sigma"]}


def convert(parameters):
    """What the constraint is put on."""
    return {**parameters, "double": 2 * parameters["a"]}


def priors():
    """Fresh priors: bilby's keep state."""
    found = ConditionalPriorDict(conversion_function=convert)
    found["a"] = Normal(0.0, WIDTH, "a", latex_label=r"$\alpha$")
    found["b"] = ConditionalGaussian(around, mu=0.0, sigma=SCATTER, name="b")
    found["phase"] = Uniform(0.0, 2 * np.pi, "phase", boundary="periodic")
    found["offset"] = DeltaFunction(OFFSET)
    found["double"] = Constraint(0.0, 1e9)
    return found
