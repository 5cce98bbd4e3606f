"""Known-answer target with two phases: the phi^4 chain, a field on a line of sites.

    beta U = beta a N / 2 sum (phi_{i+1} - phi_i)^2
             + beta / (a N) sum ((1 - phi_i^2)^2 / 4 + field phi_i)

with phi = 0 beyond both ends.  Nearly all mass lies around phi = 1 and phi = -1, and no
local step leads from one to the other.  All answers come from a transfer matrix.

Reference: Gabrie, Rotskoff and Vanden-Eijnden (2022), arXiv:2105.12603.
"""

__all__ = ["PhiFourChain", "free_field_covariance", "phi_four_chain"]

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from flowmc.core.checks import check_event_size
from flowmc.core.errors import ConfigurationError
from flowmc.targets.analytic import AnalyticTarget
from flowmc.targets.lattice_transfer import Chain, TransferMatrix

WIDTH = 0.1  # a, of a wall between the phases
INVERSE_TEMPERATURE = 20.0  # beta
DEFAULT_MASS = 0.1
LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class PhiFourChain(AnalyticTarget):
    """A phi^4 chain, with what is known of its two phases.

    Attributes:
        middle: The site that tells the phase, `N // 2` counted from 0.
        upper_weight: Probability that the field is positive there.
    """

    middle: int = 0
    upper_weight: float = 0.5

    def is_upper(self, theta: Any) -> np.ndarray:
        """Return which fields `[..., N]` are in the upper phase: `[...]` bool."""
        return np.asarray(theta)[..., self.middle] > 0.0


def phi_four_chain(
    num_sites: int = 64, *, field: float = 0.0, prior: bool = False
) -> PhiFourChain:
    """Return the phi^4 chain of `num_sites` sites, a = 0.1, beta = 20.

    The log-evidence is that of exp(-beta U); a prior is divided out of the likelihood.

    Args:
        num_sites: N.
        field: Favours the lower phase where it is positive; at most 1 in size.
        prior: With the free field of small mass as prior, so that it can be annealed;
            written as one conditional per site.

    Raises:
        ConfigurationError: The field is out of range.
    """
    size = check_event_size(num_sites)
    if not -1.0 <= field <= 1.0:
        raise ConfigurationError(f"`field` must lie in [-1, 1]; got {field!r}.")
    chain = _chain(size, float(field))
    transfer = TransferMatrix(chain)
    middle = size // 2
    names = tuple(f"phi{index}" for index in range(size))
    law = _FreeField(size, DEFAULT_MASS)

    def graph_fn(phi: tf.Tensor) -> tf.Tensor:
        steps = tf.pad(phi, [[0, 0], [0, 1]]) - tf.pad(phi, [[0, 0], [1, 0]])
        walls = 0.5 * chain.stiffness * tf.reduce_sum(tf.square(steps), axis=-1)
        wells = 0.25 * tf.square(1.0 - tf.square(phi)) + field * phi
        value = -walls - chain.strength * tf.reduce_sum(wells, axis=-1)
        return value - law.log_prob(phi) if prior else value

    def host_fn(phi: np.ndarray) -> np.ndarray:
        value = chain.log_density(phi)
        return value - law.log_prob_host(phi) if prior else value

    return PhiFourChain(
        name="phi_four_chain",
        names=names,
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=transfer.sample,
        log_evidence=transfer.log_evidence,
        prior=law.joint(names) if prior else None,
        mean=transfer.mean,
        standard_deviation=transfer.standard_deviation,
        middle=middle,
        upper_weight=transfer.probability_above_zero(middle),
    )


def free_field_covariance(
    num_sites: int = 64, *, mass: float = DEFAULT_MASS
) -> np.ndarray:
    """Return the covariance `[N, N]` of the chain's Gaussian part.

    Its precision is the stiffness, plus `beta / (a N) mass^2` on the diagonal: what
    remains of `beta U` when each well is replaced by `mass^2 phi^2 / 2`.

    Args:
        num_sites: N.
        mass: Positive; the smaller, the wider the field in the middle.  Independent
            draws for 64 sites reach either phase once in some thousand at mass 0.1, and
            never at mass 1, where the wells lie 6 standard deviations out.

    Raises:
        ConfigurationError: The mass is not positive.
    """
    return np.linalg.inv(_precision(check_event_size(num_sites), mass))


def _chain(size: int, field: float) -> Chain:
    stiffness = INVERSE_TEMPERATURE * WIDTH * size
    return Chain(size, stiffness, INVERSE_TEMPERATURE / (WIDTH * size), field)


def _precision(size: int, mass: float) -> np.ndarray:
    if not 0.0 < mass < np.inf:
        raise ConfigurationError(f"`mass` must be positive; got {mass!r}.")
    chain = _chain(size, 0.0)
    neighbours = np.eye(size, k=1) + np.eye(size, k=-1)
    diagonal = 2.0 * chain.stiffness + chain.strength * mass**2
    return diagonal * np.eye(size) - chain.stiffness * neighbours


class _FreeField:
    """The Gaussian part, as the conditionals phi_i ~ N(slope_i phi_{i-1}, sd_i)."""

    def __init__(self, size: int, mass: float) -> None:
        precision = _precision(size, mass)
        # Factored from the last site on: the precision is tridiagonal, so each row of
        # the factor holds the sd of one conditional and its slope.
        factor = np.linalg.cholesky(precision[::-1, ::-1])[::-1, ::-1]
        self._sd = 1.0 / np.diag(factor)
        self._slope = -np.concatenate([[0.0], np.diag(factor, 1)]) * self._sd
        self._constant = -float(np.log(self._sd).sum()) - 0.5 * size * LOG_TWO_PI
        self._normal = stats.multivariate_normal(cov=np.linalg.inv(precision))

    def log_prob(self, phi: tf.Tensor) -> tf.Tensor:
        """Return the log-density `[n, N] -> [n]`, in TensorFlow."""
        before = tf.pad(phi[:, :-1], [[0, 0], [1, 0]])
        noise = (phi - self._slope * before) / self._sd
        return self._constant - 0.5 * tf.reduce_sum(tf.square(noise), axis=-1)

    def log_prob_host(self, phi: np.ndarray) -> np.ndarray:
        """Return the same in NumPy, from the covariance as a whole."""
        return np.atleast_1d(self._normal.logpdf(phi))

    def joint(self, names: tuple[str, ...]) -> tfd.JointDistribution:
        """Return it as a joint distribution of named scalars."""
        pairs = list(zip(names, self._slope, self._sd, strict=True))

        def sites() -> Iterator[Any]:
            name, _, sd = pairs[0]
            first = tfd.Normal(np.float64(0.0), sd, name=name)
            phi = yield tfd.JointDistributionCoroutine.Root(first)
            for name, slope, sd in pairs[1:]:
                phi = yield tfd.Normal(slope * phi, sd, name=name)

        return tfd.JointDistributionCoroutine(sites)
