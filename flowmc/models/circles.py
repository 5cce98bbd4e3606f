"""Circle coordinates: which they are, their intervals, and wrapping onto them.

A circle coordinate lives on [low, high) with its ends joined.  Points may come in any
representative; inside a flow it is an angle on [-pi, pi], its base density is uniform.
"""

__all__ = ["Circles", "parse_periodic", "refuse_circles", "wrap_angle"]

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError

TURN = 2.0 * math.pi


class Circles:
    """The circle coordinates of a model with `event_size` coordinates.

    Args:
        periodic: Indices (interval [-pi, pi)), `{index: (low, high)}`, or triples
            `[index, low, high]`.
        event_size: Number of coordinates, `D`.

    Attributes:
        entries: Triples `(index, low, high)`, sorted by index.
        is_circle: Mask `[D]`.
        low: `[D]`, 0 elsewhere.
        width: `[D]`, `high - low`, 1 elsewhere.
    """

    def __init__(self, periodic: Any, *, event_size: int) -> None:
        self.entries = parse_periodic(periodic, event_size=event_size)
        self.is_circle = np.zeros(event_size, dtype=bool)
        self.low, self.width = np.zeros(event_size), np.ones(event_size)
        for index, low, high in self.entries:
            self.is_circle[index] = True
            self.low[index], self.width[index] = low, high - low

    def __bool__(self) -> bool:
        return bool(self.entries)

    def mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the circular mean of draws `[n, D]` `[D]`, low where there is none."""
        angle = TURN * (x - self.low) / self.width
        sine, cosine = weights @ np.sin(angle), weights @ np.cos(angle)
        turn = np.arctan2(sine, cosine) / TURN
        return self.low + self.width * np.where(self.is_circle, turn % 1.0, 0.0)

    def wrap(self, columns: tf.Tensor) -> tf.Tensor:
        """Move points `[D, n]` to the representative in [low, high)."""
        low, width = self.low[:, None], self.width[:, None]
        turns = tf.floor((columns - low) / width)
        # Rounding may leave a point just outside the half-open interval.
        wrapped = tf.maximum(columns - width * tf.stop_gradient(turns), low)
        wrapped = tf.where(wrapped < low + width, wrapped, low)
        return tf.where(self.is_circle[:, None], wrapped, columns)


def wrap_angle(angle: tf.Tensor) -> tf.Tensor:
    """Return the same angle in [-pi, pi]."""
    turns = tf.floor((angle + math.pi) / TURN)
    return tf.clip_by_value(angle - TURN * tf.stop_gradient(turns), -math.pi, math.pi)


def parse_periodic(
    periodic: Any, *, event_size: int
) -> tuple[tuple[int, float, float], ...]:
    """Return sorted triples `(index, low, high)`.

    Raises:
        ConfigurationError: An index is out of range or given twice, or an interval is
            empty or infinite.
    """
    if isinstance(periodic, Mapping):
        periodic = [(index, *interval) for index, interval in periodic.items()]
    found: dict[int, tuple[int, float, float]] = {}
    for entry in periodic:
        index, low, high = _read_entry(entry)
        if not 0 <= index < event_size or index in found:
            raise ConfigurationError(
                f"`periodic` must name coordinates from 0 to {event_size - 1}, each "
                f"once; got {periodic!r}."
            )
        if not (low < high and math.isfinite(high - low)):
            raise ConfigurationError(
                "`periodic` intervals must be finite with low < high; coordinate "
                f"{index} has ({low}, {high})."
            )
        found[index] = (index, low, high)
    return tuple(found[index] for index in sorted(found))


def _read_entry(entry: Any) -> tuple[int, float, float]:
    if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
        return int(entry), -math.pi, math.pi
    try:
        index, low, high = entry
        if int(index) == index:
            return int(index), float(low), float(high)
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(
        "`periodic` must hold indices of coordinates, or be a mapping from index to "
        f"(low, high); got the entry {entry!r}."
    )


def refuse_circles(circles: Circles, *, family: str, only_if_all: bool = False) -> None:
    """Raise if a family of affine maps is given circle coordinates it cannot learn.

    Args:
        circles: The circle coordinates.
        family: Name of the family.
        only_if_all: Accept them next to ordinary coordinates.
    """
    if not circles or (only_if_all and not circles.is_circle.all()):
        return
    rule = "must leave an ordinary coordinate" if only_if_all else "must be empty"
    raise ConfigurationError(
        f"`periodic` of `{family}` {rule}, for affine maps can only rotate a circle; "
        f"got {[entry[0] for entry in circles.entries]}. Use `spline_autoregressive` "
        "or `spline_coupling`."
    )
