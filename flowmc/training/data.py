"""Training data in fixed shapes: split, weighted, padded to a power of two.

Compiled programs know shapes; padding keeps one program valid while draws accumulate.
"""

__all__ = ["PaddedDraws", "TrainingData", "next_power_of_two", "prepare_data"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.errors import TrainingError
from flowmc.core.seeds import fold_in
from flowmc.training.split import split_rows

MINIMUM_DRAWS = 2


class PaddedDraws(NamedTuple):
    """Draws in fixed shapes, and how many of the rows are real."""

    x: tf.Tensor  # [capacity, D]
    weight: tf.Tensor  # [capacity], 0 in the padding
    count: tf.Tensor  # scalar int32
    gradient: tf.Tensor | None = None  # [capacity, D], of the target's log-density


class TrainingData(NamedTuple):
    """The two parts of one training set, and the units that whiten it."""

    train: PaddedDraws
    validation: PaddedDraws
    scale_tril: tf.Tensor | None = None  # [D, D]


def prepare_data(
    draws: Any,
    *,
    weights: Any,
    event_size: int,
    validation_fraction: float,
    seed: Any,
    capacity: int | None = None,
    gradients: Any = None,
    split_by: Any = None,
) -> TrainingData:
    """Check, shuffle, split and pad.

    Args:
        draws: `[n, D]`, finite.
        weights: `[n]`, non-negative, or None for equal weights.
        event_size: `D`.
        validation_fraction: Share held out.
        seed: Seed of the shuffle.
        capacity: Rows to pad the training part to; default the next power of two.
        gradients: Of the target's log-density at the draws `[n, D]`, or None.
        split_by: Group of each row `[n]`; groups are held out whole.  Default: equal
            rows are one group.

    Raises:
        TrainingError: Wrong shape, non-finite draws, too few of them, bad weights or
            gradients.
    """
    x, w = _checked(draws, weights, event_size)
    slopes = None if gradients is None else _checked_gradients(gradients, x.shape)
    kept, held = split_rows(
        x,
        split_by=split_by,
        validation_fraction=validation_fraction,
        seed=fold_in(seed, "split"),
    )
    if not (w[kept].sum() > 0.0 and w[held].sum() > 0.0):
        raise TrainingError(
            "`weights` must leave some weight on both sides of the split; they have "
            f"{int((w > 0.0).sum())} positive entries among {len(w)}. Give more draws "
            "or more even weights."
        )
    size = next_power_of_two(max(capacity or 0, len(kept)))
    held_size = max(next_power_of_two(len(held)), next_power_of_two(size // 8))
    parts = (
        _pad(x[rows], w[rows], None if slopes is None else slopes[rows], length)
        for rows, length in ((kept, size), (held, held_size))
    )
    return TrainingData(*parts)


def next_power_of_two(n: int) -> int:
    """Return the smallest power of two that is at least `n`."""
    return 1 << max(0, int(n) - 1).bit_length()


def _checked(draws, weights, event_size) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(draws, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != event_size:
        raise TrainingError(
            f"`draws` must have shape [n, {event_size}]; got {list(x.shape)}."
        )
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        raise TrainingError(
            f"`draws` must be finite; row {first} is {x[first]}, and {int(bad.sum())} "
            f"of {len(x)} rows are not. Drop them before fitting."
        )
    if len(x) < MINIMUM_DRAWS:
        raise TrainingError(
            f"`draws` must have at least {MINIMUM_DRAWS} rows; got {len(x)}."
        )
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if (
        w.shape != (len(x),)
        or not np.isfinite(w).all()
        or (w < 0).any()
        or w.sum() <= 0
    ):
        raise TrainingError(
            f"`weights` must be {len(x)} finite non-negative numbers with a positive "
            f"sum; got shape {list(w.shape)}."
        )
    return x, w / w.mean()


def _checked_gradients(gradients: Any, shape: tuple[int, ...]) -> np.ndarray:
    slopes = np.asarray(gradients, dtype=np.float64)
    if slopes.shape != shape or not np.isfinite(slopes).all():
        raise TrainingError(
            f"`gradients` must be finite, one row for each of `draws` {list(shape)}; "
            f"got shape {list(slopes.shape)} with "
            f"{int((~np.isfinite(slopes)).sum())} entries that are not finite."
        )
    return slopes


def _pad(
    x: np.ndarray, w: np.ndarray, slopes: np.ndarray | None, capacity: int
) -> PaddedDraws:
    padding = capacity - len(x)
    # Padding repeats a real point, so that no loss is ever evaluated at nonsense.
    rows = np.concatenate([np.arange(len(x)), np.zeros(padding, dtype=np.int64)])
    weight = np.concatenate([w, np.zeros(padding)])
    return PaddedDraws(
        tf.constant(x[rows], dtype=tf.float64),
        tf.constant(weight, dtype=tf.float64),
        tf.constant(len(x), dtype=tf.int32),
        None if slopes is None else tf.constant(slopes[rows], dtype=tf.float64),
    )
