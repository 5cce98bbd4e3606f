"""Priors from TensorFlow Probability or SciPy behind one interface.

A prior is a density of named scalar parameters that can be evaluated and drawn from:
the annealing, the evidence and the missed-mode alarm all start from its draws.
"""

__all__ = ["Prior", "make_prior"]

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import TargetError
from flowmc.core.types import LogProbFn, Seed
from flowmc.targets.priors_joint import JointPrior
from flowmc.targets.priors_scipy import ScipyPrior, is_scipy_distribution
from flowmc.targets.priors_tfp import TfpPrior

NUM_TRIAL_DRAWS = 32
ACCEPTED = (
    "a dict {name: distribution} of TensorFlow Probability or of frozen SciPy "
    "distributions, or a tfd.JointDistribution with scalar parts"
)


class Prior(Protocol):
    """A normalized density of D named scalars.

    Attributes:
        names: D names, in parameter order.
        bounds: Support `[D, 2]`, float64, infinite where there is no bound.
        graph_log_prob_fn: Float64 tensors `[n, D] -> [n]`, or None where the density
            exists on the host only.
        notes: Sentences the user should read.
    """

    names: tuple[str, ...]
    bounds: np.ndarray
    notes: tuple[str, ...]

    @property
    def graph_log_prob_fn(self) -> LogProbFn | None:
        """The log-density in TensorFlow, where there is one."""

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-density `[n, D] -> [n]`, in NumPy."""

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws, determined by `seed`."""


def make_prior(prior: Any, *, names: Sequence[str] | None = None) -> Prior:
    """Return the `Prior` of what the user gave.

    Args:
        prior: One of the accepted kinds.
        names: Names for the parts of a joint distribution that has none.

    Raises:
        TargetError: The prior is of another kind, has vector or integer components, or
            cannot be drawn from.
    """
    if isinstance(prior, tfd.JointDistribution):
        return _checked(JointPrior(prior, names=names))
    if not isinstance(prior, Mapping):
        raise TargetError(
            f"`prior` must be {ACCEPTED}; got {type(prior).__name__}. A vector prior "
            "must be written as scalar parts."
        )
    if not prior:
        raise TargetError("`prior` must name at least one parameter; got {}.")
    kinds = {name: _kind(name, part) for name, part in prior.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise TargetError(
            f"`prior` must not mix TensorFlow Probability and SciPy; got {listed}. "
            "Write all of them in one."
        )
    if "scipy" in kinds.values():
        return _checked(ScipyPrior(prior))
    return _checked(TfpPrior(prior))


def _kind(name: str, part: Any) -> str:
    if isinstance(part, tfd.Distribution):
        return "tensorflow_probability"
    if is_scipy_distribution(part):
        return "scipy"
    raise TargetError(f"`prior` must be {ACCEPTED}; `{name}` is {type(part).__name__}.")


def _checked(prior: Prior) -> Prior:
    """Draw a few points and raise where they show that the prior is unusable."""
    try:
        draws = prior.sample(NUM_TRIAL_DRAWS, seed=0)
    except Exception as error:
        raise TargetError(
            f"`prior` must be one that can be drawn from; sampling raised "
            f"{type(error).__name__}: {error}"
        ) from error
    for name, column, bounds in zip(prior.names, draws.T, prior.bounds, strict=True):
        if not np.isfinite(column).all():
            raise TargetError(
                f"`prior` must be proper; draws of `{name}` are not finite. Give it "
                "finite parameters and bounds."
            )
        if np.all(column == column[0]):
            raise TargetError(
                f"`prior` must have a density; every draw of `{name}` is {column[0]}. "
                "Put constants into the likelihood."
            )
        if np.all(column == np.round(column)):
            raise TargetError(
                f"`prior` must be continuous; all draws of `{name}` are integers. Sum "
                "discrete parameters out of the likelihood."
            )
        if column.min() < bounds[0] or column.max() > bounds[1]:
            raise TargetError(
                f"`prior` draws values of `{name}` outside its own support "
                f"({bounds[0]}, {bounds[1]}): {column.min()} to {column.max()}."
            )
    log_prob = prior.log_prob(draws)
    if not np.isfinite(log_prob).all():
        raise TargetError(
            "`prior` must have a finite log-density at its own draws; got "
            f"{log_prob[~np.isfinite(log_prob)][0]}. An improper prior cannot be used."
        )
    return prior
