"""Prior times likelihood of a graph target, in pure and differentiable tensors.

Points outside the bounds, or where the prior is zero, are replaced before the user's
function sees them and masked afterwards: a NaN computed there would otherwise leak into
the gradients of good points.
"""

__all__ = ["GraphDensity"]

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.types import LogProbFn
from flowmc.targets.firewall import Firewall
from flowmc.targets.parameters import Parameters
from flowmc.targets.priors import Prior
from flowmc.targets.remoteness import Remoteness
from flowmc.targets.values import HUGE

Evaluated = tuple[np.ndarray, np.ndarray]


class GraphDensity:
    """Density of a graph target.

    Args:
        function: Log-likelihood, or log-density where `prior` is None; `[n, D] -> [n]`.
        parameters: Bounds.
        prior: With a graph density, or None.
        remoteness: Knows where NaN is a density of zero.
        inside_point: `[D]`, where `function` is well-behaved.
        firewall: Counts evaluations from NumPy and handles exceptions.

    Attributes:
        log_prob_fn: Float64 tensors `[n, D] -> [n]`, pure; NaN and +inf pass through.
        log_prior_fn: The prior alone, or None.
        log_likelihood_fn: The likelihood alone, -inf outside the support, or None.
    """

    has_gradient = True

    def __init__(
        self,
        function: LogProbFn,
        *,
        parameters: Parameters,
        prior: Prior | None,
        remoteness: Remoteness,
        inside_point: np.ndarray,
        firewall: Firewall,
    ) -> None:
        self._function = function
        self._bounds = parameters.bounds
        self._prior_log_prob_fn: Any = getattr(prior, "graph_log_prob_fn", None)
        self._remoteness = remoteness
        self._inside_point = inside_point
        self._firewall = firewall
        self.log_prob_fn: LogProbFn = self._log_prob
        self.log_prior_fn: LogProbFn | None = None
        self.log_likelihood_fn: LogProbFn | None = None
        if prior is not None:
            self.log_prior_fn = self._log_prior
            self.log_likelihood_fn = self._log_likelihood
        self._compiled: dict[str, Callable[..., Any]] = {}

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return `[n, D] -> [n]` in NumPy, counted."""
        return self._counted("log_prob", self._log_prob, theta)

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Return the prior `[n, D] -> [n]` in NumPy."""
        return self._run("log_prior", self._log_prior, theta).numpy()

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Return the likelihood `[n, D] -> [n]` in NumPy, counted."""
        return self._counted("log_likelihood", self._log_likelihood, theta)

    def value_and_gradient(self, theta: np.ndarray) -> Evaluated:
        """Return the log-density `[n]` and its gradient `[n, D]` in NumPy, counted."""
        size = theta.shape[1]

        def call(points: np.ndarray) -> np.ndarray:
            self._firewall.num_gradient += len(points)
            value, gradient = self._run("gradient", self._value_and_gradient, points)
            return np.concatenate([value.numpy()[:, None], gradient.numpy()], axis=1)

        joined = self._firewall.guarded(call, theta, width=size + 1)
        return joined[:, 0], joined[:, 1:]

    def _counted(self, name: str, fn: LogProbFn, theta: np.ndarray) -> np.ndarray:
        def call(points: np.ndarray) -> np.ndarray:
            self._firewall.num_log_prob += len(points)
            return self._run(name, fn, points).numpy()

        return self._firewall.guarded(call, theta)

    def _run(self, name: str, fn: Callable[..., Any], theta: np.ndarray) -> Any:
        """Call `fn` traced once, whatever the number of points."""
        if name not in self._compiled:
            signature = [tf.TensorSpec([None, len(self._bounds)], tf.float64)]
            self._compiled[name] = tf.function(
                fn, autograph=False, input_signature=signature
            ).get_concrete_function()
        with self._firewall.timed():
            return self._compiled[name](tf.constant(theta, tf.float64))

    def _log_prob(self, theta: tf.Tensor) -> tf.Tensor:
        theta, is_inside = self._supported(theta)
        total = self._value(theta)
        if self._prior_log_prob_fn is not None:
            total += self._prior_log_prob_fn(theta)
        return _masked(total, is_inside)

    def _log_prior(self, theta: tf.Tensor) -> tf.Tensor:
        theta, is_inside = self._supported(theta)
        return _masked(self._prior_log_prob_fn(theta), is_inside)

    def _log_likelihood(self, theta: tf.Tensor) -> tf.Tensor:
        theta, is_inside = self._supported(theta)
        return _masked(self._value(theta), is_inside)

    def _value(self, theta: tf.Tensor) -> tf.Tensor:
        """Return the user's function at supported points: `[n, D] -> [n]`."""
        return self._remoteness.without_nan(_clipped(self._function(theta)), theta)

    def _value_and_gradient(self, theta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(theta)
            value = self._log_prob(theta)
        gradient = tape.gradient(
            value, theta, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return value, gradient

    def _supported(self, theta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return points with the unsupported ones replaced, and the mask `[n]`."""
        theta = tf.convert_to_tensor(theta, tf.float64)
        low, high = self._bounds.T
        is_inside = tf.reduce_all(
            tf.math.is_finite(theta) & (theta >= low) & (theta <= high), axis=-1
        )
        theta = tf.where(is_inside[:, None], theta, self._inside_point)
        if self._prior_log_prob_fn is not None:
            # Supports that depend on other parameters are known to the density only.
            density = tf.stop_gradient(self._prior_log_prob_fn(theta))
            is_inside &= tf.math.is_finite(density)
            theta = tf.where(is_inside[:, None], theta, self._inside_point)
        return theta, is_inside


def _masked(value: tf.Tensor, is_inside: tf.Tensor) -> tf.Tensor:
    return tf.where(is_inside, value, tf.constant(-np.inf, value.dtype))


def _clipped(value: tf.Tensor) -> tf.Tensor:
    """Return `value` with stand-ins for infinity made infinite."""
    infinity = tf.constant(np.inf, value.dtype)
    value = tf.where(value <= -HUGE, -infinity, value)
    return tf.where(value >= HUGE, infinity, value)
