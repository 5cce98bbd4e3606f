"""Argument checks that raise one clear sentence: rule, value, remedy."""

__all__ = [
    "check_choice",
    "check_event_size",
    "check_finite",
    "check_fraction",
    "check_matrix",
    "check_positive_integer",
]

from collections.abc import Iterable
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError


def check_event_size(event_size: Any) -> int:
    """Return `event_size` as an int of at least 1."""
    return check_positive_integer(event_size, name="event_size")


def check_positive_integer(value: Any, *, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ConfigurationError(f"`{name}` must be an integer; got {value!r}.")
    if value < minimum:
        raise ConfigurationError(f"`{name}` must be at least {minimum}; got {value}.")
    return int(value)


def check_fraction(value: Any, *, name: str) -> float:
    """Return `value` as a float strictly between 0 and 1."""
    if not isinstance(value, int | float | np.number) or not 0.0 < float(value) < 1.0:
        raise ConfigurationError(
            f"`{name}` must lie strictly between 0 and 1; got {value!r}."
        )
    return float(value)


def check_choice(value: Any, *, name: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    known = list(choices)
    if value not in known:
        raise ConfigurationError(
            f"`{name}` must be one of {', '.join(known)}; got {value!r}."
        )
    return value


def check_matrix(value: Any, *, name: str, event_size: int | None = None) -> np.ndarray:
    """Return `value` as a float64 matrix `[n, D]`."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != 2 or (event_size is not None and array.shape[1] != event_size):
        want = "D" if event_size is None else event_size
        raise ConfigurationError(
            f"`{name}` must have shape [n, {want}]; got {list(array.shape)}."
        )
    return array


def check_finite(value: np.ndarray, *, name: str) -> np.ndarray:
    """Return `value` if every entry is finite; else say where the first bad one is."""
    bad = np.argwhere(~np.isfinite(value))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise ConfigurationError(
            f"`{name}` must be finite; entry {where} is {value[where]}, and "
            f"{len(bad)} of {value.size} entries are not finite."
        )
    return value
