"""Which rows make up each mini-batch: epochs in random order, no row left out.

The order is made on the host and handed to the compiled loop as one array: shuffling
inside it would cost a sort, and each random operation costs compile time.
"""

__all__ = ["shuffled_rows"]

from typing import Any

import numpy as np

from flowmc.core.seeds import generator


def shuffled_rows(
    num_rows: int, *, num_steps: int, batch_size: int, seed: Any
) -> np.ndarray:
    """Return row numbers `[num_steps, batch_size]`, int32.

    They are epochs one after another, each a new permutation of all rows; so no row is
    used more than once oftener than another.  Fewer rows than a batch repeat in it.
    """
    needed = num_steps * batch_size
    num_epochs = -(-needed // num_rows)
    rows = np.tile(np.arange(num_rows, dtype=np.int32), (num_epochs, 1))
    rows = generator(seed).permuted(rows, axis=1)
    return rows.reshape(-1)[:needed].reshape(num_steps, batch_size)
