"""A bilby problem on the unit cube: what the workers call, so no TensorFlow here.

    u in [0, 1]^D  ->  theta = priors.rescale(u)  ->  log-likelihood(theta)

Priors of every kind that bilby can rescale, conditional ones among them, are uniform in
u.  A constraint is a likelihood of zero where it is broken.
"""

__all__ = ["CubeLikelihood"]

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowmc.adapters.missing import missing_package
from flowmc.core.errors import TargetError
from flowmc.core.seeds import fold_in, generator, root_seed
from flowmc.core.types import Seed

try:
    from bilby.core.likelihood import _safe_likelihood_call
except ImportError as error:
    raise missing_package("bilby>=2.7", extra="bilby") from error

MOST_TRIALS, ENOUGH_TRIALS = 200_000, 10_000  # draws, and draws that were allowed
AT_A_TIME = 5_000


class CubeLikelihood:
    """Log-likelihood of a bilby problem as a function of unit-cube coordinates.

    Args:
        likelihood: `bilby.Likelihood`.
        priors: `bilby.PriorDict`.
        keys: The D sampled parameters, in order.
        fixed: Values of the parameters that are not sampled.
        use_ratio: Take the log-likelihood ratio.
    """

    def __init__(
        self,
        likelihood: Any,
        priors: Any,
        *,
        keys: Sequence[str],
        fixed: Mapping[str, Any],
        use_ratio: bool | None,
    ) -> None:
        self._likelihood = likelihood
        self._priors = priors
        self._keys = list(keys)
        self._fixed = dict(fixed)
        self._use_ratio = bool(use_ratio)
        self.has_constraints = bool(priors.constraint_keys)
        # Conditional priors keep what was last drawn: one thread at a time.
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent to workers: all but the lock, of which each has one."""
        return {k: v for k, v in self.__dict__.items() if k != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was sent, with a new lock."""
        self.__dict__.update(state, _lock=threading.Lock())

    def __call__(self, u: np.ndarray) -> float:
        """Return the log-likelihood at `u` `[D]`, -inf where a constraint is broken."""
        theta = self.theta(u)
        # The outermost numbers of the cube can be infinitely far out.
        if not np.isfinite(theta).all():
            return -math.inf
        parameters = self._parameters(theta)
        if self.has_constraints and not self._is_allowed(parameters):
            return -math.inf
        return float(
            _safe_likelihood_call(
                self._likelihood, parameters=parameters, use_ratio=self._use_ratio
            )
        )

    def theta(self, u: np.ndarray) -> np.ndarray:
        """Return the parameters `[D]` of `u` `[D]`.

        Raises:
            TargetError: The priors do not give one number for each parameter.
        """
        with self._lock, np.errstate(invalid="ignore"):
            values = self._priors.rescale(self._keys, [float(value) for value in u])
        if any(np.size(value) != 1 for value in values):
            sizes = [int(np.size(value)) for value in values]
            raise TargetError(
                "`priors.rescale` must give one number for each parameter; it gave "
                f"{sizes} of them. Put joint priors into a ConditionalPriorDict."
            )
        return np.array([np.reshape(value, ()) for value in values], dtype=np.float64)

    def theta_of_all(self, u: np.ndarray) -> np.ndarray:
        """Return the parameters `[n, D]` of points `[n, D]`."""
        return np.array([self.theta(row) for row in u]).reshape(u.shape)

    def log_prior_of_all(self, theta: np.ndarray) -> np.ndarray:
        """Return the log prior `[n]` at parameters `[n, D]`, constraints aside."""
        rows = (dict(zip(self._keys, row, strict=True)) for row in theta)
        return np.array(
            [float(self._priors.ln_prob(row, normalized=False)) for row in rows]
        )

    def bounds(self) -> list[list[float]]:
        """Return the ends of each prior, infinite where they depend on others."""
        everywhere = [-math.inf, math.inf]
        parts = [self._priors[key] for key in self._keys]
        return [
            everywhere
            if hasattr(part, "condition_func")
            else [float(part.minimum), float(part.maximum)]
            for part in parts
        ]

    def allowed_fraction(self, *, seed: Seed) -> tuple[float, float]:
        """Return the share of the prior that keeps the constraints, and its error.

        bilby normalizes a constrained prior, so the evidence is to be divided by it.

        Raises:
            TargetError: No draw of the prior keeps them.
        """
        if not self.has_constraints:
            return 1.0, 0.0
        random = generator(fold_in(root_seed(seed), "constraints"))
        tried = allowed = 0
        while allowed < ENOUGH_TRIALS and tried < MOST_TRIALS:
            theta = self.theta_of_all(random.uniform(size=(AT_A_TIME, len(self._keys))))
            allowed += sum(self._is_allowed(self._parameters(row)) for row in theta)
            tried += AT_A_TIME
        if not allowed:
            raise TargetError(
                f"Some draw of the prior must keep the constraints; of {tried} draws "
                "none did. Narrow the priors towards what the constraints allow."
            )
        fraction = allowed / tried
        return fraction, math.sqrt(fraction * (1 - fraction) / tried)

    def _parameters(self, theta: np.ndarray) -> dict[str, Any]:
        own = zip(self._keys, theta.tolist(), strict=True)
        return {**self._fixed, **dict(own)}

    def _is_allowed(self, parameters: dict[str, Any]) -> bool:
        return bool(np.all(np.asarray(self._priors.evaluate_constraints(parameters))))
