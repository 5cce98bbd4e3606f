"""The units of the draws, and whether they span the space at all.

A network trained on draws that lie in a plane would narrow around it without end: its
likelihood has no upper bound.  There the shrunk affine map is the best there is.
"""

__all__ = ["Units", "find_units"]

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from flowmc.training.data import PaddedDraws
from flowmc.transforms.whitening import fit_affine

# Least variance, in any whitened direction, of draws that span the space.
FLAT = 1e-3


class Units(NamedTuple):
    """Scale of the draws `[D, D]`, triangular; "" or why they are too poor to learn."""

    scale_tril: np.ndarray
    objection: str


def find_units(draws: PaddedDraws) -> Units:
    """Whiten the training draws and look for directions in which they do not vary."""
    count = int(draws.count)
    x, weight = draws.x.numpy()[:count], draws.weight.numpy()[:count]
    location, scale_tril, _ = fit_affine(x, weight)
    white = solve_triangular(scale_tril, (x - location).T, lower=True)
    covariance = (white * weight) @ white.T / weight.sum()
    variances = np.linalg.eigvalsh(covariance)
    num_flat = int(np.sum(~(variances > FLAT)))
    if not num_flat:
        return Units(scale_tril, "")
    return Units(
        scale_tril,
        f"the draws vary in {len(variances) - num_flat} of {len(variances)} "
        "directions: a shrunk affine map was fitted and the network left alone",
    )
