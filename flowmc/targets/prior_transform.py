"""Starting points from a map of the unit cube, as nested samplers have it."""

__all__ = ["PriorTransform"]

from collections.abc import Callable
from typing import Any

import numpy as np

from flowmc.core.errors import TargetError
from flowmc.core.seeds import generator
from flowmc.core.types import Seed
from flowmc.targets.parameters import Parameters

NUM_TRIALS = 16


class PriorTransform:
    """Draws theta as a function of uniform numbers; no density is known.

    Args:
        function: Unit cube `[n, D]` -> theta `[n, D]`, or `[D] -> [D]` where
            `vectorized` is False.
        parameters: Bounds the results must respect.
        vectorized: What `function` takes.
        prior: Where given, its density must be positive at the results.

    Raises:
        TargetError: The function fails, or gives points of another shape or outside.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        parameters: Parameters,
        vectorized: bool,
        prior: Any = None,
    ) -> None:
        self._function = function
        self._vectorized = vectorized
        self._event_size = parameters.event_size
        try:
            theta = self.sample(NUM_TRIALS, seed=0)
        except TargetError:
            raise
        except Exception as error:
            raise TargetError(
                f"`prior_transform` raised {type(error).__name__} in the unit cube: "
                f"{error}. It takes uniform numbers "
                f"[{'n, ' if vectorized else ''}{self._event_size}]."
            ) from error
        is_bad = ~parameters.inside(theta)
        if prior is not None:
            is_bad |= ~np.isfinite(prior.log_prob(theta))
        if is_bad.any():
            raise TargetError(
                "`prior_transform` must give points inside the bounds and the prior; "
                f"got {parameters.describe(theta[is_bad][0])}."
            )

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` points, determined by `seed`."""
        cube = generator(seed).uniform(size=(n, self._event_size))
        if self._vectorized:
            theta = self._function(cube.copy())
        else:
            theta = [self._function(row.copy()) for row in cube]
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape != cube.shape:
            raise TargetError(
                f"`prior_transform` must return shape {list(cube.shape)}; got "
                f"{list(theta.shape)}."
            )
        return theta
