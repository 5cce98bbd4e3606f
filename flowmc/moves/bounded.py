"""The support of a move: which points are inside, and the map to where it has no edge.

theta = transform(x),   x in R^D
"""

__all__ = ["Bounded"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, InitialPositionError
from flowmc.transforms.bounds import BoundsTransform


class Bounded:
    """Points of `D` parameters within optional bounds.

    Args:
        event_size: `D`.
        bounds: `[D, 2]`, infinite where there is none, or None.

    Raises:
        ConfigurationError: There is not one pair a parameter.
    """

    def __init__(self, event_size: int, *, bounds: np.ndarray | None) -> None:
        self.event_size = event_size
        self._transform = _make_transform(bounds, event_size)
        shape = [tf.TensorSpec([None, event_size], tf.float64)]
        self._inverse = tf.function(self._trace_inverse, input_signature=shape)
        self._forward = tf.function(self._trace_forward, input_signature=shape)

    def is_inside(self, theta: np.ndarray) -> np.ndarray:
        """Tell which rows of `[n, D]` are finite and strictly inside the bounds."""
        inside = np.isfinite(theta)
        if self._transform is not None:
            low, high = self._transform.bounds.T
            inside &= (theta > low) & (theta < high)
        return inside.all(axis=1)

    def check_start(self, theta: np.ndarray, log_prob: np.ndarray) -> None:
        """Refuse an ensemble `[n, D]` from which nothing sensible can start.

        Raises:
            ConfigurationError: A walker of non-zero density is outside the bounds.
            InitialPositionError: A log-density is +inf, or every one is -inf.
        """
        outside = ~self.is_inside(theta) & np.isfinite(log_prob)
        if outside.any():
            row = int(np.argmax(outside))
            raise ConfigurationError(
                "Every walker must be strictly inside `bounds`; walker "
                f"{row} is at {theta[row].tolist()}, and {int(outside.sum())} of "
                f"{len(outside)} are outside. Widen the bounds or move the walkers."
            )
        infinite = np.flatnonzero(np.isposinf(log_prob))
        if len(infinite):
            raise InitialPositionError(
                "The log-density must be finite or -inf at the start; it is +inf at "
                f"walker {infinite[0]}, {theta[infinite[0]].tolist()}. Check that it "
                "is bounded above there.",
                theta=theta[infinite[0]],
            )
        if len(log_prob) and np.isneginf(log_prob).all():
            raise InitialPositionError(
                "Some walker must start where the density is not zero; it is zero at "
                f"all {len(log_prob)}, the first of them at {theta[0].tolist()}. Start "
                "inside the support.",
                theta=theta[0],
            )

    def drop_notes(self) -> None:
        """Forget what was noted of the last step; here nothing ever is."""

    def to_x(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map theta `[n, D]`, all inside, to `(x, log|det dtheta/dx| [n])`."""
        if self._transform is None:
            return theta, np.zeros(len(theta))
        x, log_det = self._inverse(theta)
        return x.numpy(), log_det.numpy()

    def to_theta(self, x: np.ndarray) -> np.ndarray:
        """Map x `[n, D]` to theta."""
        return x if self._transform is None else self._forward(x).numpy()

    def _trace_inverse(self, theta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = self._transform.inverse(theta)  # type: ignore[union-attr]
        return x, self._transform.forward_and_log_det(x)[1]  # type: ignore[union-attr]

    def _trace_forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._transform.forward_and_log_det(x)[0]  # type: ignore[union-attr]


def _make_transform(bounds: Any, event_size: int) -> BoundsTransform | None:
    if bounds is None:
        return None
    if len(bounds) != event_size:
        raise ConfigurationError(
            f"`bounds` must have one pair for each of the {event_size} parameters; "
            f"got {len(bounds)}."
        )
    transform = BoundsTransform(bounds)
    return None if transform.is_identity else transform
