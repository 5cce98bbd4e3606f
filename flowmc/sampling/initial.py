"""Check starting positions that the user gave, and spread them over the chains."""

__all__ = ["no_density", "positions_from"]

from typing import Any

import numpy as np

from flowmc.core.checks import check_finite, check_matrix
from flowmc.core.errors import InitialPositionError
from flowmc.core.seeds import generator
from flowmc.sampling.space import Space


def positions_from(
    initial: Any, space: Space, *, num_chains: int, seed: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return `x` `[num_chains, D]` and log-densities for positions theta `[n, D]`.

    Fewer positions than chains are repeated; more are drawn from without replacement.

    Raises:
        InitialPositionError: A position has zero density.
        ConfigurationError: Wrong shape, or not finite.
    """
    theta = check_matrix(initial, name="initial", event_size=space.event_size)
    theta = check_finite(theta, name="initial")
    random = generator(seed)
    rows = random.permutation(max(len(theta), num_chains))[:num_chains] % len(theta)
    x = space.from_theta(theta[rows])
    log_prob = space.log_prob(x)
    bad = ~np.isfinite(log_prob)
    if bad.any():
        row = int(rows[np.argmax(bad)])
        values = dict(zip(space.target.names, theta[row].tolist(), strict=True))
        raise InitialPositionError(
            "Every row of `initial` must have a finite log-density; row "
            f"{row} with {values} gave {log_prob[np.argmax(bad)]}, and "
            f"{int(bad.sum())} of {num_chains} chains would start there. Move it into "
            "the support.",
            theta=theta[row],
            names=space.target.names,
        )
    return x, log_prob


def no_density(space: Space, x: np.ndarray) -> InitialPositionError:
    """Return the error for draws `[n, D]` of the reference without any density."""
    names = space.target.names
    theta = space.to_theta(x[:1])[0][0]
    reference = "box of the bounds" if space.is_bounded else "default reference"
    reference = "prior" if space.target.has_prior else reference
    return InitialPositionError(
        "Some starting point must have a finite log-density; all of "
        f"{len(x)} draws of the {reference} gave -inf, the first "
        f"at {dict(zip(names, theta, strict=True))}. Pass `initial` positions "
        "to `sample`, or check the prior and the bounds.",
        theta=theta,
        names=names,
    )
