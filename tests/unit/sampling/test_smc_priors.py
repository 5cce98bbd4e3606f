"""`sample_smc` with circular, half-bounded and joint priors, and with gradients."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from tensorflow_probability import distributions as tfd

from flowmc import Target
from tests.unit.sampling.smc_cases import run

TURN = 2.0 * np.pi
# A mode on the cut of the circle, three counts, and a measurement.
LOG_EVIDENCE = (
    np.log(special.i0(4.0)) - np.log(16.0) + stats.norm.logpdf(1.0, 0, 1.25**0.5)
)


def log_likelihood(theta, xp=np):
    angle, rate, x = (theta[:, i] for i in range(3))
    counts = 3.0 * xp.log(rate) - rate - np.log(6.0)
    return (
        4.0 * xp.cos(angle) + counts - 2.0 * (x - 1.0) ** 2 - 0.5 * np.log(TURN / 4.0)
    )


def host_target():
    prior = {"angle": stats.uniform(0, TURN), "rate": stats.expon(), "x": stats.norm()}
    return Target(log_likelihood_fn=log_likelihood, prior=prior, periodic=["angle"])


def graph_target():
    prior = tfd.JointDistributionNamed(
        {
            "angle": tfd.Uniform(np.float64(0.0), np.float64(TURN)),
            "rate": tfd.Exponential(np.float64(1.0)),
            "x": tfd.Normal(np.float64(0.0), np.float64(1.0)),
        }
    )
    # Parts of a joint distribution come in its own order: x, rate, angle.
    return Target(
        log_likelihood_fn=lambda theta: log_likelihood(theta[:, ::-1], tf.math),
        prior=prior,
        periodic=["angle"],
        backend="tensorflow",
    )


@pytest.mark.parametrize(
    ("make", "kernel"), [(host_target, "t_pcn"), (graph_target, "hmc")]
)
def test_evidence_and_moments_are_right(make, kernel):
    target = make()
    posterior = run(target, kernel=kernel)
    error = posterior.log_evidence - LOG_EVIDENCE
    assert abs(error) < 4.0 * posterior.log_evidence_error < 0.2
    draws = dict(zip(target.names, posterior.flat().T, strict=True))
    angle, rate, x = draws["angle"], draws["rate"], draws["x"]
    size = posterior.diagnostics.ess_bulk.min()
    assert size > 500
    # Gamma(4, 2), the normal law of two measurements, and von Mises with kappa 4.
    assert abs(rate.mean() - 2.0) < 5.0 / size**0.5
    assert abs(x.mean() - 0.8) < 5.0 * 0.2**0.5 / size**0.5
    resultant = special.i1(4.0) / special.i0(4.0)
    assert abs(np.cos(angle).mean() - resultant) < 5.0 * 0.25 / size**0.5
    assert abs(np.sin(angle).mean()) < 5.0 * 0.5 / size**0.5
    assert (posterior.cost.gradient_calls > 0) == (kernel == "hmc")
