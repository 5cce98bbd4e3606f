"""Jumps that are exact from the first step on: drawn from what the other half is like.

Each half of the walkers moves in turn, with proposals from a Student-t fitted to the
present positions of the half at rest.  The fit knows nothing of the walkers it moves,
nor of the past: no history, no optimizer, no warm start.  So each half-step is an
ordinary independence step that leaves the product of the targets as it is.

A half may be small: the scale is shrunk toward its diagonal, so that proposals leave
any plane the walkers lie in, and the t has the fewer degrees of freedom the fewer
walkers it was fitted to.
"""

__all__ = ["ComplementAdaptation", "HalfFit", "fit_half"]

from collections.abc import Mapping
from typing import Any, NamedTuple

import emcee
import numpy as np
from scipy import special

from flowmc.core.errors import ConfigurationError
from flowmc.moves.bounded import Bounded
from flowmc.moves.compiled_proposal import Scored
from flowmc.moves.decision import red_blue
from flowmc.moves.settings import MoveSettings
from flowmc.moves.tally import Tally
from flowmc.transforms.whitening import fit_affine

LEAST_WALKERS = 4  # two a half: one has no spread
FEWEST, MOST = 3.0, 30.0  # degrees of freedom


class HalfFit(NamedTuple):
    """t_nu(location, scale_tril scale_tril')."""

    location: np.ndarray  # [D]
    scale_tril: np.ndarray  # [D, D], lower triangular
    degrees_of_freedom: float

    def draw(self, n: int, *, random: Any) -> np.ndarray:
        """Return `[n, D]` draws, with emcee's generator."""
        normal = random.randn(n, len(self.location))
        nu = self.degrees_of_freedom
        spread = np.sqrt(nu / random.chisquare(nu, size=n))
        return self.location + spread[:, None] * normal @ self.scale_tril.T

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-density of `[n, D]`."""
        size, nu = len(self.location), self.degrees_of_freedom
        white = np.linalg.solve(self.scale_tril, (x - self.location).T)
        log_det = np.log(np.diag(self.scale_tril)).sum()
        constant = special.gammaln(0.5 * (nu + size)) - special.gammaln(0.5 * nu)
        constant -= 0.5 * size * np.log(nu * np.pi) + log_det
        distance = np.sum(np.square(white), axis=0)
        return constant - 0.5 * (nu + size) * np.log1p(distance / nu)


def fit_half(x: np.ndarray) -> HalfFit:
    """Fit the walkers at rest, `[n, D]`.

    Of `n` draws of a normal law, the next one is a t about their mean, wider by
    `1 + 1/n`, with `n - D` degrees of freedom or so.
    """
    fitted = fit_affine(x)
    count, size = x.shape
    wider = np.sqrt(1.0 + 1.0 / count)
    nu = float(np.clip(count - size, FEWEST, MOST))
    return HalfFit(fitted.location, wider * fitted.scale_tril, nu)


class ComplementAdaptation(Bounded):
    """In the place of an `Adaptation`: there is nothing to learn and nothing to keep.

    Args:
        event_size: `D`.
        settings: What the move was asked to do.
        seed: Not used; there is no training.
    """

    model = None
    records = ()
    is_ready = is_settled = is_frozen = True

    def __init__(self, event_size: int, *, settings: MoveSettings, seed: Any) -> None:
        super().__init__(event_size, bounds=settings.bounds)
        self.settings = settings
        self.seed = seed

    def step(
        self, model: Any, state: emcee.State, tally: Tally
    ) -> tuple[emcee.State, np.ndarray]:
        """Move both halves; the arguments as in `decision.red_blue`.

        Raises:
            ConfigurationError: There are fewer than four walkers.
        """
        if len(state.coords) < LEAST_WALKERS:
            raise ConfigurationError(
                '`learn_from="complement"` needs at least '
                f"{LEAST_WALKERS} walkers, two in each half; got {len(state.coords)}."
            )

        def propose(moving: np.ndarray) -> Scored:
            return self._propose(
                state.coords[moving], state.coords[~moving], random=model.random
            )

        return red_blue(
            model, state, propose=propose, is_inside=self.is_inside, tally=tally
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return nothing: the walkers are all it knows."""
        return {}

    def to_meta(self) -> dict[str, Any]:
        """Return nothing, as `to_arrays`."""
        return {}

    def restore(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Restore nothing."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            "event_size": self.event_size,
            "settings": self.settings,
            "seed": self.seed,
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _propose(self, mine: np.ndarray, rest: np.ndarray, *, random: Any) -> Scored:
        # Walkers that another move let out of the bounds, or that never had a density,
        # have no place in x; they are left out by where they are now, which is known.
        usable = rest[self.is_inside(rest)]
        if not len(usable):
            bad = np.full(len(mine), np.nan)
            return Scored(np.full_like(mine, np.nan), bad, bad)
        fitted = fit_half(self.to_x(usable)[0])
        with np.errstate(over="ignore", invalid="ignore"):
            points = self.to_theta(fitted.draw(len(mine), random=random))
            both = np.concatenate([points, mine])
            log_q = np.full(len(both), np.nan)
            inside = self.is_inside(both)
            # Proposals and walkers by the same path, as everywhere: theta -> x.
            x, log_det = self.to_x(both[inside])
            log_q[inside] = fitted.log_prob(x) - log_det
        return Scored(points, log_q[: len(mine)], log_q[len(mine) :])
