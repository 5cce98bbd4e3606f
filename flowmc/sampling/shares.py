"""Shares of networks and clusters in a proposal: what held-out draws like best."""

__all__ = ["GIVEN_SHARES", "LEAST_USEFUL", "NO_CLUSTERS", "fit_shares", "share_out"]

from typing import Any

import numpy as np

from flowmc.models.mixture import MixtureDensity
from flowmc.sampling.groups import mixture_weights

GIVEN_SHARES = (0.8, 0.2)  # of the network, and of the base it began with
NO_CLUSTERS = 1e-6  # share of the clusters' laws where they are of no use
LEAST_USEFUL = 0.02  # share below which they are none


def fit_shares(
    density: MixtureDensity, draws: np.ndarray, *, is_given: bool
) -> tuple[Any, float]:
    """Return the shares of the networks, and of the clusters, the last part.

    Args:
        density: A network or two, and clusters.
        draws: `[n, D]`, none of which the parts were fitted to.
        is_given: Whether the networks' shares are settled: one is the user's base.
    """
    parts = list(density.parts)
    if is_given:
        parts = [MixtureDensity(parts[:2], weights=GIVEN_SHARES), parts[2]]
    shares, _ = mixture_weights(parts, draws)
    of_clusters = float(shares[-1]) if shares[-1] > LEAST_USEFUL else NO_CLUSTERS
    return (GIVEN_SHARES if is_given else shares[:-1]), of_clusters


def share_out(density: MixtureDensity, networks: Any, of_clusters: float) -> None:
    """Give the clusters, the last part, their share, and the networks the rest."""
    rest = np.asarray(networks, dtype=np.float64)
    density.set_weights([*(1.0 - of_clusters) * rest / rest.sum(), of_clusters])
