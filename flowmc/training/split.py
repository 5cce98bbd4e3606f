"""Which rows are held out: whole groups, so that no copy of a draw is on both sides.

Chains repeat a draw when they reject and particles share ancestors; were copies split,
the held-out loss would go on falling while the model learns the draws by heart.
"""

__all__ = ["VALIDATION_FRACTION", "held_rows", "split_rows"]

from typing import Any

import numpy as np

from flowmc.core.errors import TrainingError
from flowmc.core.seeds import fold_in, generator, root_seed

VALIDATION_FRACTION = 0.1  # that `fit` holds out unless told otherwise


def held_rows(x: np.ndarray, *, seed: Any, split_by: Any = None) -> np.ndarray:
    """Return the numbers of the rows that `fit` of these arguments holds out."""
    _, held = split_rows(
        x,
        split_by=split_by,
        validation_fraction=VALIDATION_FRACTION,
        seed=fold_in(root_seed(seed), "split"),
    )
    return held


def split_rows(
    x: np.ndarray, *, split_by: Any, validation_fraction: float, seed: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to train on and of the rows held out.

    Args:
        x: Draws `[n, D]`, n >= 2.
        split_by: Group of each row `[n]`, such as its ancestor; None groups equal rows.
        validation_fraction: Share of the rows to hold out, met as closely as groups
            allow.  One single group is split by rows.
        seed: Seed of the choice.

    Raises:
        TrainingError: `split_by` is not one label a row.
    """
    groups = _groups(x, split_by)
    num_groups = int(groups.max()) + 1
    if num_groups == 1:
        groups, num_groups = np.arange(len(x)), len(x)
    order = generator(seed).permutation(num_groups)
    sizes = np.bincount(groups, minlength=num_groups)[order]
    wanted = max(1.0, validation_fraction * len(x))
    # One group at least on either side; half a group over is nearer than one under.
    num_held = int(np.searchsorted(np.cumsum(sizes) - 0.5 * sizes, wanted))
    num_held = min(max(num_held, 1), num_groups - 1)
    rank = np.empty(num_groups, dtype=np.int64)
    rank[order] = np.arange(num_groups)
    # Rows are visited in the random order of their groups.
    rows = np.argsort(rank[groups], kind="stable")
    is_held = rank[groups][rows] < num_held
    return rows[~is_held], rows[is_held]


def _groups(x: np.ndarray, split_by: Any) -> np.ndarray:
    if split_by is None:
        # Bytes compare faster than numbers, and -0.0 for 0.0 is no matter here.
        keys = np.ascontiguousarray(x).view(f"V{x.shape[1] * x.itemsize}")[:, 0]
    else:
        keys = np.asarray(split_by)
        if keys.shape != (len(x),):
            raise TrainingError(
                f"`split_by` must be {len(x)} group labels, one a row of `draws`; got "
                f"shape {list(keys.shape)}."
            )
    _, first, label = np.unique(keys, return_index=True, return_inverse=True)
    # Numbered as they appear, so that the split does not depend on the draws' values.
    number = np.argsort(np.argsort(first))
    return number[label.reshape(-1)]
