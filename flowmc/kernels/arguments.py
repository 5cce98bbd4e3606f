"""Arguments that kernels share: step sizes, shapes, angles; and wrapping the angles."""

__all__ = ["check_circular", "check_position", "check_step_size", "check_tril", "wrap"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_finite, check_matrix
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Array

TURN = 2.0 * math.pi


def wrap(x: Array, is_circle: np.ndarray | None) -> tf.Tensor:
    """Return `x` `[n, D]` with its angles in [-pi, pi); `is_circle` None: as it is."""
    if is_circle is None:
        return x
    return tf.where(is_circle, x - TURN * tf.floor((x + math.pi) / TURN), x)


def check_step_size(step_size: Any) -> None:
    """Refuse step sizes that are no positive numbers."""
    is_number = isinstance(step_size, int | float | np.number)
    if not is_number or not 0.0 < step_size < math.inf:
        raise ConfigurationError(
            f"`step_size` must be positive and finite; got {step_size!r}."
        )


def check_circular(circular: Any) -> np.ndarray | None:
    """Return the mask `[D]` of angles; None where there are none to treat."""
    if circular is None:
        return None
    mask = np.asarray(circular)
    if mask.ndim != 1 or mask.dtype != np.bool_ or not mask.size:
        raise ConfigurationError(
            "`circular` must be a sequence of one bool per coordinate; got "
            f"{circular!r}. Pass for example circular=[False, True]."
        )
    return mask


def check_tril(scale_tril: Any, *, event_size: int | None = None) -> np.ndarray:
    """Return `scale_tril` as a float64 matrix with a positive diagonal."""
    tril = check_matrix(scale_tril, name="scale_tril", event_size=event_size)
    check_finite(tril, name="scale_tril")
    if len(tril) != tril.shape[1] or np.any(np.triu(tril, 1)):
        raise ConfigurationError(
            "`scale_tril` must be square and lower triangular; got a matrix of shape "
            f"{list(tril.shape)}. Pass np.linalg.cholesky(covariance)."
        )
    if not np.all(np.diag(tril) > 0.0):
        raise ConfigurationError(
            "`scale_tril` must have a positive diagonal; its smallest entry is "
            f"{np.diag(tril).min()}. Pass np.linalg.cholesky(covariance)."
        )
    return tril


def check_position(position: tf.Tensor, *, event_size: int | None) -> None:
    """Refuse positions of another size than the kernel was built for."""
    if event_size is not None and position.shape[-1] != event_size:
        raise ConfigurationError(
            f"The kernel was built for {event_size} coordinates, by its `scale_tril` "
            f"or `circular`; the positions have {position.shape[-1]}. Make them agree."
        )
