"""The target as the kernels see it: unconstrained `x`, graph or host, one interface."""

__all__ = ["Space"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.targets.target import Target
from flowmc.transforms.bounds import BoundsTransform
from flowmc.transforms.pullback import pullback

DEFAULT_REFERENCE_SCALE = 3.0


class Space:
    """Log-densities of `x` for one target: the target's own and a reference's.

    The reference is the prior where there is one, else the uniform density on finite
    bounds, else a wide normal; annealing starts from it.

    Args:
        target: The user's target.

    Attributes:
        takes_xla: Whether XLA compiles the target; False from its first refusal on.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.event_size = target.event_size
        self.is_graph = target.backend == "tensorflow"
        self.takes_xla = True
        # Circular coordinates are treated as a box cut at their bounds: exact, though
        # a mode at the cut is crossed only by jumps.
        self.transform = BoundsTransform(target.bounds)
        self._is_identity = not np.isfinite(np.asarray(target.bounds, float)).any()
        self._to_theta = tf.function(
            self.transform.forward_and_log_det,
            input_signature=[tf.TensorSpec([None, self.event_size], tf.float64)],
        )
        self._pull_back = tf.function(self._pull_gradient_back, autograph=False)
        # Present on graph targets only; host targets never ask for them.
        graph_fn: Any = target.graph_log_prob_fn
        prior_fn: Any = target.graph_log_prior_fn
        self._graph_pullback = pullback(graph_fn, self.transform)
        self._graph_prior_pullback = pullback(prior_fn, self.transform)
        self.is_bounded = bool(np.isfinite(np.asarray(target.bounds, float)).all())

    @property
    def has_reference(self) -> bool:
        """Whether the reference covers all that the user allows."""
        return self.target.has_prior or self.is_bounded

    def to_theta(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map `x` `[n, D]` to `(theta, log|det dtheta/dx|)` as NumPy arrays."""
        if self._is_identity:
            return np.array(x, np.float64), np.zeros(len(x))
        theta, log_det = self._to_theta(tf.constant(x, tf.float64))
        return theta.numpy(), log_det.numpy()

    def from_theta(self, theta: np.ndarray) -> np.ndarray:
        """Map `theta` `[n, D]` to `x`."""
        return self.transform.inverse(tf.constant(theta, tf.float64)).numpy()

    def graph_log_prob(self, x: Any) -> tf.Tensor:
        """Log-density of `x` inside compiled code (graph targets)."""
        return self._graph_pullback(x)

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log-density of `x` `[n, D]` on the host, counted and guarded."""
        theta, log_det = self.to_theta(x)
        return self.target.log_prob(theta) + log_det

    @property
    def host_gradient(self) -> Any:
        """`value_and_gradient` where the target has a gradient, else None."""
        return self.value_and_gradient if self.target.has_gradient else None

    def value_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-density of `x` `[n, D]` and its gradient on the host, counted."""
        theta, log_det = self.to_theta(x)
        value, gradient = self.target.value_and_gradient(theta)
        pulled = self._pull_back(tf.constant(x, tf.float64), gradient)
        return value + log_det, pulled.numpy()

    def graph_log_reference(self, x: Any) -> tf.Tensor:
        """Normalized log-density of the reference inside compiled code."""
        if self.target.has_prior:
            return self._graph_prior_pullback(x)
        if self.is_bounded:
            return self._uniform_log_prob(self.transform.forward_and_log_det(x)[1])
        unit = tf.reduce_sum(tf.square(x / DEFAULT_REFERENCE_SCALE), axis=-1)
        scale = np.log(DEFAULT_REFERENCE_SCALE) + 0.5 * np.log(2.0 * np.pi)
        return -0.5 * unit - self.event_size * scale

    def log_reference(self, x: np.ndarray) -> np.ndarray:
        """Normalized log-density of the reference on the host."""
        if self.target.has_prior:
            theta, log_det = self.to_theta(x)
            return self.target.log_prior(theta) + log_det
        return self.graph_log_reference(tf.constant(x, tf.float64)).numpy()

    def sample_reference(self, n: int, *, random: np.random.Generator) -> np.ndarray:
        """Draw `[n, D]` points `x` from the reference."""
        if self.target.has_prior:
            seed = random.integers(2**31 - 1, size=2, dtype=np.int32)
            return self.from_theta(self.target.sample_prior(n, seed=seed))
        if self.is_bounded:
            low, high = np.asarray(self.target.bounds, float).T
            uniform = random.uniform(size=(n, self.event_size))
            return self.from_theta(low + (high - low) * uniform)
        return DEFAULT_REFERENCE_SCALE * random.normal(size=(n, self.event_size))

    def _pull_gradient_back(self, x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """Turn a gradient in theta into that of the density of `x`."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            theta, log_det = self.transform.forward_and_log_det(x)
        return tape.gradient(
            [theta, log_det], x, output_gradients=[gradient, tf.ones_like(log_det)]
        )

    def _uniform_log_prob(self, log_det: tf.Tensor) -> tf.Tensor:
        low, high = np.asarray(self.target.bounds, float).T
        return log_det - float(np.sum(np.log(high - low)))
