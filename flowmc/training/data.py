"""Training data in fixed shapes: split, weighted, padded to a power of two.

Compiled programs know shapes; padding keeps one program valid while draws accumulate.
"""

__all__ = ["PaddedDraws", "TrainingData", "prepare_data"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.errors import TrainingError
from flowmc.core.seeds import fold_in, generator

MINIMUM_DRAWS = 2


class PaddedDraws(NamedTuple):
    """Draws `[capacity, D]`, weights `[capacity]` (0 in the padding), their count."""

    x: tf.Tensor
    weight: tf.Tensor
    count: tf.Tensor


class TrainingData(NamedTuple):
    """The two parts of one training set."""

    train: PaddedDraws
    validation: PaddedDraws


def prepare_data(
    draws: Any,
    *,
    weights: Any,
    event_size: int,
    validation_fraction: float,
    seed: Any,
    capacity: int | None = None,
) -> TrainingData:
    """Check, shuffle, split and pad.

    Args:
        draws: `[n, D]`, finite.
        weights: `[n]`, non-negative, or None for equal weights.
        event_size: `D`.
        validation_fraction: Share held out.
        seed: Seed of the shuffle.
        capacity: Rows to pad the training part to; default the next power of two.

    Raises:
        TrainingError: Wrong shape, non-finite draws, too few of them, bad weights.
    """
    x, w = _checked(draws, weights, event_size)
    order = generator(fold_in(seed, "split")).permutation(len(x))
    num_validation = max(1, int(round(validation_fraction * len(x))))
    held, kept = order[:num_validation], order[num_validation:]
    size = capacity or next_power_of_two(len(kept))
    train = _pad(x[kept], w[kept], max(size, next_power_of_two(len(kept))))
    held_size = max(next_power_of_two(len(held)), next_power_of_two(size // 8))
    return TrainingData(train, _pad(x[held], w[held], held_size))


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


def _pad(x: np.ndarray, w: np.ndarray, capacity: int) -> PaddedDraws:
    padding = capacity - len(x)
    # Padding repeats a real point, so that no loss is ever evaluated at nonsense.
    filler = np.repeat(x[:1], padding, axis=0)
    return PaddedDraws(
        tf.constant(np.concatenate([x, filler]), dtype=tf.float64),
        tf.constant(np.concatenate([w, np.zeros(padding)]), dtype=tf.float64),
        tf.constant(len(x), dtype=tf.int32),
    )
