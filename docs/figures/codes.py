"""Draws that one code explains, and integrals over that code on a grid.

The bounds of a VAE are compared with these integrals, which are exact.
"""

__all__ = ["GRID", "gaussian_bound", "log_joint", "log_marginal", "noisy_parabola"]

from typing import Any

import numpy as np
from scipy.special import logsumexp

GRID = np.linspace(-6.0, 6.0, 4001)
SPACING = GRID[1] - GRID[0]


def noisy_parabola(num_draws: int, *, seed: int) -> np.ndarray:
    """Return draws `[n, 2]` of (t, t^2) + 0.5 e, with t and e normal."""
    random = np.random.default_rng(seed)
    t = random.normal(size=num_draws)
    return np.stack([t, t**2], axis=-1) + 0.5 * random.normal(size=(num_draws, 2))


def log_joint(vae: Any, x: np.ndarray) -> np.ndarray:
    """Return log p(z) p(x | z) at points `[n, D]` and the grid's codes: `[4001, n]`."""
    codes = np.broadcast_to(GRID[:, None, None], (len(GRID), len(x), 1))
    return (vae.log_prior(codes) + vae.log_decoder(x, codes)).numpy()


def log_marginal(joint: np.ndarray) -> np.ndarray:
    """Return log p(x) from `log_joint`: `[4001, n] -> [n]`."""
    return logsumexp(joint, axis=0) + np.log(SPACING)


def gaussian_bound(joint: np.ndarray, mean: Any, sd: Any) -> np.ndarray:
    """Return the ELBO of a Gaussian encoder, both its terms by quadrature.

    Args:
        joint: Of `log_joint`, `[4001, n]`.
        mean: Of the encoder at each point, `[n]`.
        sd: Likewise.
    """
    log_r = -0.5 * ((GRID[:, None] - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    return SPACING * np.sum(np.exp(log_r) * (joint - log_r), axis=0)
