"""The map between `x` and `z` as kernels use it: guarded, checked, differentiable.

Circle coordinates of `z` are angles in any representative: they are wrapped before the
model sees them.
"""

__all__ = ["ChangeOfVariables", "MAX_ROUND_TRIP_ERROR", "num_not_invertible"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.types import Array, TransportModel
from flowmc.kernels.tally import NOT_INVERTIBLE, SOUND, replace_bad

MAX_ROUND_TRIP_ERROR = 1e-4
SLACK = 10.0
TURN = 2.0 * math.pi


class ChangeOfVariables:
    """`x = f(z)` with everything a kernel must know about it.

    Args:
        model: The map.
        max_round_trip_error: As in `preconditioned`.
    """

    def __init__(
        self, model: TransportModel, *, max_round_trip_error: float | None
    ) -> None:
        self._model = model
        self._tolerance: Any = max_round_trip_error
        kinds: Any = getattr(model, "base_kind", ("normal",))
        self._is_circle = np.array([kind == "circle" for kind in kinds], bool)

    def to_latent(self, x: Array, log_prob: Array) -> tuple[tf.Tensor, tf.Tensor]:
        """Return `z` of `x`, and the log-density that `z` has if `x` has `log_prob`."""
        z, inverse_log_det = self._model.inverse_and_log_det(x)
        log_prob = log_prob - inverse_log_det
        if self._tolerance is not None:
            # The test that arriving points pass, a little milder: a chain is judged
            # anew whenever its state is rebuilt, and must not die of rounding then.
            image, _ = self._model.forward_and_log_det(z)
            back, _ = self._model.inverse_and_log_det(image)
            dead = tf.constant(-np.inf, tf.float64)
            log_prob = tf.where(self._is_close(z, back, slack=SLACK), log_prob, dead)
        return z, log_prob

    def to_target(self, z: Array, *, safe: Array) -> tuple:
        """Map `z` to `x`; put `safe` where there is no image that comes back.

        Returns:
            `x`, `log|det dx/dz|`, and the `defect` of each point.
        """
        z = self.wrap(z)
        points, log_det = self._model.forward_and_log_det(z)
        points, log_det, defect = replace_bad(points, log_det, safe=safe)
        if self._tolerance is None:
            return points, log_det, defect
        back, _ = self._model.inverse_and_log_det(points)
        is_back = (defect != SOUND) | self._is_close(z, back)
        points = tf.where(is_back[:, None], points, safe)
        return points, log_det, tf.where(is_back, defect, NOT_INVERTIBLE)

    def to_target_with_gradient(self, z: Array, *, safe: Array) -> tuple:
        """Map `z` to `x` without looking whether it comes back.

        Returns:
            `x`, `log|det dx/dz|`, the `defect`, and a function that turns the gradient
            of log pi at `x` into that of log pi_z at `z`.
        """
        with tf.GradientTape() as tape:
            tape.watch(z)
            image, image_log_det = self._model.forward_and_log_det(self.wrap(z))
        points, log_det, defect = replace_bad(image, image_log_det, safe=safe)

        def pull_back(gradient: Array) -> tf.Tensor:
            outputs = [gradient, tf.ones_like(log_det)]
            return tape.gradient([image, image_log_det], z, output_gradients=outputs)

        return points, log_det, defect, pull_back

    def wrap(self, z: Array) -> tf.Tensor:
        """Return `z` with its angles in [-pi, pi)."""
        if not self._is_circle.any():
            return z
        turns = tf.stop_gradient(tf.floor((z + math.pi) / TURN))
        return tf.where(self._is_circle, z - TURN * turns, z)

    def _is_close(self, z: Array, back: Array, *, slack: float = 1.0) -> tf.Tensor:
        """Whether points came back; NaN did not."""
        difference = tf.abs(back - z)
        if self._is_circle.any():
            around = tf.math.floormod(difference, np.float64(TURN))
            around = tf.minimum(around, TURN - around)
            difference = tf.where(self._is_circle, around, difference)
        limit = slack * self._tolerance * (1.0 + tf.abs(z))
        return tf.reduce_all(difference <= limit, axis=-1)


def num_not_invertible(model: Any, x: np.ndarray) -> int:
    """Count points `[n, D]` that do not come back from the base space; not compiled."""
    if not isinstance(model, TransportModel):
        return 0
    change = ChangeOfVariables(model, max_round_trip_error=MAX_ROUND_TRIP_ERROR)
    x = tf.constant(x, tf.float64)
    _, log_prob = change.to_latent(x, tf.zeros(x.shape[:1], tf.float64))
    return int(np.sum(~np.isfinite(log_prob.numpy())))
