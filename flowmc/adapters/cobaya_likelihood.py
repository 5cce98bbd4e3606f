"""A cobaya model as a log-likelihood that remembers what it was asked.

The one-dimensional priors of the parameters are flowmc's `prior`; whatever else cobaya
multiplies in (its likelihoods, and priors given as functions) is the likelihood.
"""

__all__ = ["ModelLikelihood", "Parts"]

import math
from typing import Any, NamedTuple

import numpy as np

MOST_REMEMBERED = 1_000_000  # points, of about 300 bytes


class Parts(NamedTuple):
    """What a posterior consists of at one point, in the model's order.

    Attributes:
        logpriors: That of the parameters, then those given as functions.
        loglikes: One a likelihood.
        derived: One a derived parameter.
    """

    logpriors: np.ndarray
    loglikes: np.ndarray
    derived: np.ndarray


class ModelLikelihood:
    """Log-likelihood and external priors of a cobaya model.

    Args:
        model: `cobaya.model.Model`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[bytes, Parts] = {}

    def __call__(self, theta: np.ndarray) -> float:
        """Return it at `theta` `[D]`, -inf where any part has no density."""
        parts = self._evaluated(theta)
        if len(self._known) < MOST_REMEMBERED:
            self._known[theta.tobytes()] = parts
        if not len(parts.loglikes):
            return -math.inf
        return float(np.sum(parts.loglikes) + np.sum(parts.logpriors[1:]))

    def parts(self, theta: np.ndarray) -> Parts:
        """Return the parts at `theta` `[D]`, computed if it was not asked before."""
        known = self._known.get(np.ascontiguousarray(theta).tobytes())
        return self._evaluated(theta) if known is None else known

    def _evaluated(self, theta: np.ndarray) -> Parts:
        found = self._model.logposterior(np.array(theta))
        return Parts(*map(_array, (found.logpriors, found.loglikes, found.derived)))


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
