"""What may go into a density and what may come out of a user's function.

Numbers in any wrapping (list, tuple, NumPy, TensorFlow; `[n]` or `[n, 1]`) are
accepted; anything else raises at once, naming what came.
"""

__all__ = ["HUGE", "as_batch", "as_scalar", "as_values"]

from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError, TargetError

# Beyond it a value stands for infinity: `nan_to_num` writes 1.797e308.
HUGE = 1e300


def as_batch(theta: Any, *, event_size: int) -> tuple[np.ndarray, bool]:
    """Return points as a float64 copy `[n, D]`, and whether it was a single `[D]`.

    Raises:
        ConfigurationError: `theta` is not numbers of such a shape.
    """
    array = np.asarray(theta)
    is_shaped = array.ndim in (1, 2) and array.shape[-1] == event_size
    if array.dtype.kind not in "fiu" or not is_shaped:
        raise ConfigurationError(
            f"`theta` must be numbers of shape [n, {event_size}] or [{event_size}]; "
            f"got shape {list(array.shape)} of type {array.dtype}."
        )
    is_single = array.ndim == 1
    return np.array(array[None] if is_single else array, dtype=np.float64), is_single


def as_values(result: Any, *, num_points: int, label: str) -> np.ndarray:
    """Return a function's result for `num_points` points as float64 `[num_points]`.

    Raises:
        TargetError: The result is not that many real numbers.
    """
    array = _real_array(result, label=label)
    if array.shape == (num_points, 1):
        array = array[:, 0]
    if array.shape != (num_points,):
        raise TargetError(
            f"`{label}` must return one value per point, shape [{num_points}]; got "
            f"shape {list(array.shape)} for {num_points} points. Sum over the last "
            "axis only, or pass vectorized=False if it takes a single point."
        )
    return array.astype(np.float64)


def as_scalar(result: Any, *, label: str) -> float:
    """Return a function's result for a single point as a float.

    Raises:
        TargetError: The result is not one real number.
    """
    array = _real_array(result, label=label)
    if array.size != 1:
        raise TargetError(
            f"`{label}` with vectorized=False must return one number; got shape "
            f"{list(array.shape)}."
        )
    return float(array.reshape(()))


def _real_array(result: Any, *, label: str) -> np.ndarray:
    if result is None:
        raise TargetError(f"`{label}` must return numbers; got None. Add a `return`.")
    try:
        array = np.asarray(result)
    except (TypeError, ValueError) as error:
        raise TargetError(
            f"`{label}` must return real numbers; got {type(result).__name__}: {error}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise TargetError(
            f"`{label}` must return real numbers; got {type(result).__name__} of "
            f"type {array.dtype}."
        )
    return array
