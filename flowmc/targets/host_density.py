"""Prior times likelihood of a host target: NumPy, called from Python.

The user's function sees only points where the prior is positive and the bounds hold.
"""

__all__ = ["HostDensity"]

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import TargetError
from flowmc.core.types import LogProbFn
from flowmc.targets.firewall import Firewall
from flowmc.targets.host_function import HostFunction
from flowmc.targets.parameters import Parameters
from flowmc.targets.priors import Prior
from flowmc.targets.remoteness import Remoteness
from flowmc.targets.values import as_scalar, as_values

Evaluated = tuple[np.ndarray, np.ndarray]
LABEL = "value_and_gradient_fn"


class HostDensity:
    """Density of a host target.

    Args:
        function: Log-likelihood, or log-density where `prior` is None.
        parameters: Bounds.
        prior: Or None.
        remoteness: Knows where NaN is a density of zero.
        firewall: Counts evaluations and handles exceptions.
        value_and_gradient_fn: `[n, D] -> ([n], [n, D])` of the same function, or None.
        vectorized: False where it takes `[D]` and gives `(value, [D])`.

    Raises:
        TargetError: Gradients are given but the prior has none.
    """

    log_prob_fn: LogProbFn | None = None
    log_prior_fn: LogProbFn | None = None
    log_likelihood_fn: LogProbFn | None = None

    def __init__(
        self,
        function: HostFunction,
        *,
        parameters: Parameters,
        prior: Prior | None,
        remoteness: Remoteness,
        firewall: Firewall,
        value_and_gradient_fn: Callable[[np.ndarray], Any] | None = None,
        vectorized: bool = True,
    ) -> None:
        self._function = function
        self._parameters = parameters
        self._prior = prior
        self._remoteness = remoteness
        self._firewall = firewall
        self._value_and_gradient_fn: Any = value_and_gradient_fn
        self._vectorized = vectorized
        self._prior_gradient = _prior_gradient(prior)
        self.has_gradient = value_and_gradient_fn is not None
        if self.has_gradient and prior is not None and self._prior_gradient is None:
            raise TargetError(
                "`value_and_gradient_fn` needs a prior that has a gradient; this SciPy "
                "family has none here. Write the prior in TensorFlow Probability."
            )

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return `[n, D] -> [n]`, counted."""
        log_prior = self.log_prior(theta)
        return log_prior + self._at(theta, log_prior)

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Return the prior `[n, D] -> [n]`; without one, 0 inside the bounds."""
        values = np.full(len(theta), -np.inf)
        is_inside = self._parameters.inside(theta)
        values[is_inside] = 0.0
        if self._prior is not None and is_inside.any():
            density = self._prior.log_prob(theta[is_inside])
            values[is_inside] = np.where(np.isfinite(density), density, -np.inf)
        return values

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Return the likelihood `[n, D] -> [n]`, -inf outside the support; counted."""
        return self._at(theta, self.log_prior(theta))

    def value_and_gradient(self, theta: np.ndarray) -> Evaluated:
        """Return the log-density `[n]` and its gradient `[n, D]`, counted."""
        values, gradient = self.log_prior(theta), np.zeros_like(theta)
        is_inside = np.isfinite(values)
        if is_inside.any():
            points = theta[is_inside]
            joined = self._firewall.guarded(
                self._call, points, width=theta.shape[1] + 1
            )
            values[is_inside] += self._excused(joined[:, 0], points)
            gradient[is_inside] = joined[:, 1:]
            if self._prior_gradient is not None:
                gradient[is_inside] += self._prior_gradient(points)
        return values, gradient

    def _at(self, theta: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
        """Return the user's function `[n]`, -inf where the prior is zero."""
        is_inside = np.isfinite(log_prior)
        points, values = theta[is_inside], np.full(len(theta), -np.inf)
        values[is_inside] = self._excused(self._function(points), points)
        return values

    def _excused(self, values: np.ndarray, theta: np.ndarray) -> np.ndarray:
        if not np.isnan(values).any():
            return values
        return self._remoteness.without_nan(
            tf.constant(values, tf.float64), tf.constant(theta, tf.float64)
        ).numpy()

    def _call(self, theta: np.ndarray) -> np.ndarray:
        """Return the user's values and gradients side by side, `[n, 1 + D]`."""
        self._firewall.num_gradient += len(theta)
        with self._firewall.timed():
            points = [np.array(theta)] if self._vectorized else [*np.array(theta)]
            results = [self._value_and_gradient_fn(point) for point in points]
        if self._vectorized:
            values, gradient = _pair(results[0])
        else:
            rows = [_pair(result) for result in results]
            values = [as_scalar(value, label=LABEL) for value, _ in rows]
            gradient = [row for _, row in rows]
        values = as_values(values, num_points=len(theta), label=LABEL)
        gradient = np.asarray(gradient, np.float64)
        if gradient.shape != theta.shape:
            raise TargetError(
                f"`{LABEL}` must return gradients of shape {list(theta.shape)}; got "
                f"{list(gradient.shape)}."
            )
        return np.concatenate([values[:, None], gradient], axis=1)


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise TargetError(
            f"`{LABEL}` must return a pair (values, gradients); got "
            f"{type(result).__name__}."
        )
    return result[0], result[1]


def _prior_gradient(
    prior: Prior | None,
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the gradient of the prior as a NumPy function, or None."""
    if prior is None or prior.graph_log_prob_fn is None:
        return None
    log_prob_fn = prior.graph_log_prob_fn

    def gradient(theta: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(theta)
            value = log_prob_fn(theta)
        return tape.gradient(
            value, theta, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    compiled = tf.function(
        gradient,
        autograph=False,
        input_signature=[tf.TensorSpec([None, len(prior.names)], tf.float64)],
    ).get_concrete_function()
    return lambda theta: compiled(tf.constant(theta, tf.float64)).numpy()
