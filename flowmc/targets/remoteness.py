"""Points so far out that nothing can be there, and where functions overflow.

Heavy tails of proposals reach 10^-150 of the way from a bound, or 70 standard
deviations of a prior.  A density that is computed there may well be NaN; that this
happens once in a million proposals is no reason to end a run.
"""

__all__ = ["Remoteness"]

import numpy as np
import tensorflow as tf

from flowmc.core.types import LogProbFn
from flowmc.targets.parameters import Parameters

# Nats below what is typical: ten standard deviations in every coordinate of a normal
# prior are still near enough to matter, and 10^-100 beyond.
NEAR_EACH, BEYOND = 50.0, 230.0


class Remoteness:
    """Tells points of negligible prior mass from the others.

    A point is remote where the prior's density, in coordinates without bounds (the
    logarithm of the distance to each bound), is far below the least among the typical
    points: by a factor of 10^-100, and e^-50 for each parameter.

    Args:
        parameters: Bounds, and which parameters are circular.
        log_prior_fn: Float64 tensors `[n, D] -> [n]`; None is a flat prior.
        typical_points: `[m, D]`, such as draws of the prior.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        log_prior_fn: LogProbFn | None,
        typical_points: np.ndarray,
    ) -> None:
        self._log_prior_fn = log_prior_fn
        self._far = BEYOND + NEAR_EACH * parameters.event_size
        self._typical_points = typical_points
        low, high = parameters.bounds.T
        is_line = ~np.isin(np.arange(len(low)), parameters.periodic)
        self._low_at = np.flatnonzero(np.isfinite(low) & is_line)
        self._high_at = np.flatnonzero(np.isfinite(high) & is_line)
        self._low, self._high = low[self._low_at], high[self._high_at]

    def without_nan(self, values: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        """Return `values` `[n]` with -inf for NaN at remote points `[n, D]`."""
        lowest = tf.reduce_min(self._density(tf.constant(self._typical_points)))
        # Comparisons with NaN are false: what cannot be told is not excused.
        is_remote = self._density(tf.stop_gradient(theta)) < lowest - self._far
        nothing = tf.constant(-np.inf, values.dtype)
        return tf.where(tf.math.is_nan(values) & is_remote, nothing, values)

    def _density(self, theta: tf.Tensor) -> tf.Tensor:
        """Return the prior's log-density `[n]` in coordinates without bounds."""
        total = tf.zeros_like(theta[:, 0])
        if self._log_prior_fn is not None:
            total += self._log_prior_fn(theta)
        below = tf.gather(theta, self._low_at, axis=1) - self._low
        above = self._high - tf.gather(theta, self._high_at, axis=1)
        return total + tf.reduce_sum(tf.math.log(tf.concat([below, above], 1)), axis=1)
