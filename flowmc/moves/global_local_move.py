"""A ready schedule: jumps of a flow, walks in its base space, and plain stretch steps.

Jumps carry walkers between distant parts of the posterior; walks in z move them where
the flow is a little wrong and jumps are refused; the stretch needs no flow at all.  All
share one flow, which trains on the ensemble and then freezes.

Reference: Gabrie, Rotskoff and Vanden-Eijnden (2022), arXiv:2105.12603.
"""

__all__ = ["GlobalLocalMove"]

from typing import Any

import emcee
import numpy as np

from flowmc.core.checks import check_fraction
from flowmc.core.errors import ConfigurationError
from flowmc.moves import flow_move, preconditioned_move
from flowmc.moves.flow_move import FlowMove, acceptance_of
from flowmc.moves.learning_move import LearningMove
from flowmc.moves.preconditioned_move import take_walk
from flowmc.moves.settings import check_settings
from flowmc.moves.walk_adaptation import WalkAdaptation, with_kernel
from flowmc.sampling.settings import TrainSettings


class GlobalLocalMove(FlowMove):
    """Jump, walk or stretch, by chance and with fixed shares; needs no other move.

    It learns in its first `num_adapt` steps, as `FlowMove` does; then it freezes, and
    each step of the ensemble is a jump with probability `jump_share`, one of emcee's
    own (stretch or differential evolution) with `stretch_share`, and else a
    walk in z.
    Where fewer than a fifth of the jumps were accepted while it learned, their share
    is the smaller, down to a tenth, and walks take their place.

    Only draws made after that are draws from the posterior; `frozen_at` is what to
    discard.

    Args:
        model: Name of a family, or a model; a model is copied, and trained anew.
        num_adapt: Own steps after which it freezes.
        kernel: The walk in z: "t_pcn", "random_walk" or "stretch".
        jump_share: Share of the jumps.
        stretch_share: Share of emcee's own steps.
        defensive_weight: Share of heavy-tailed proposals beside the flow's.
        train_every: Own steps before the first fit; the intervals double from there.
        bounds: D pairs `(low, high)`, infinite where there is none: the user's function
            is never called outside.  Every walker must start inside.
        state_path: File to keep what was learned in, as of `FlowMove`.
        seed: Seed of the training; by default drawn from emcee's generator.
        progress: Show the fits: False, True, or a callable.
        train: Settings of the fits.
        **model_options: The family's own settings.

    Raises:
        ConfigurationError: A setting is out of range, or an option unknown.
        CheckpointMismatchError: `state_path` holds a move with other settings.

    Example:
        >>> moves = GlobalLocalMove("maf", 500)
        >>> sampler = emcee.EnsembleSampler(32, 2, log_prob, moves=moves)
    """

    _adaptation_kind = WalkAdaptation

    def __init__(
        self,
        model: Any = "maf",
        num_adapt: int = 1000,
        *,
        kernel: str = "t_pcn",
        jump_share: float = 0.5,
        stretch_share: float = 0.2,
        defensive_weight: float = 0.1,
        train_every: int | None = None,
        bounds: Any = None,
        state_path: Any = None,
        seed: Any = None,
        progress: Any = False,
        train: TrainSettings | None = None,
        **model_options: Any,
    ) -> None:
        self._shares = _check_shares(jump_share, stretch_share)
        settings = check_settings(
            model=model,
            options=model_options,
            num_adapt=num_adapt,
            defensive_weight=defensive_weight,
            train_every=train_every,
            bounds=bounds,
            train=train,
        )
        jumps = (flow_move.ADAPTING, flow_move.FROZEN)
        walks = (preconditioned_move.ADAPTING, preconditioned_move.FROZEN)
        LearningMove.__init__(
            self,
            with_kernel(settings, kernel),
            names=(*jumps, *walks),
            seed=seed,
            progress=progress,
            state_path=state_path,
        )

    @property
    def walk_acceptance_fraction(self) -> float:
        """Accepted share of the steps in z since it froze (or so far)."""
        names = preconditioned_move.ADAPTING, preconditioned_move.FROZEN
        return acceptance_of(self._tallies, *names)

    @property
    def step_size(self) -> float:
        """Length of a step in z; NaN before the first step, and for the stretch."""
        return np.nan if self._adaptation is None else self._adaptation.step_size

    def _step(
        self, adaptation: Any, model: Any, state: emcee.State, is_fixed: bool
    ) -> tuple[emcee.State, np.ndarray]:
        jump_share, stretch_share = self._shares
        part = model.random.rand()
        if part < stretch_share:
            return self._stretched(model, state)
        if part < stretch_share + jump_share * adaptation.jump_worth:
            return super()._step(adaptation, model, state, is_fixed)
        names = preconditioned_move.ADAPTING, preconditioned_move.FROZEN
        tally = self._tallies[names[is_fixed]]
        return take_walk(adaptation, model, state, tally, is_fixed=is_fixed)


def _check_shares(jump_share: Any, stretch_share: Any) -> tuple[float, float]:
    jump = check_fraction(jump_share, name="jump_share")
    stretch = check_fraction(stretch_share, name="stretch_share")
    if jump + stretch >= 1.0:
        raise ConfigurationError(
            "`jump_share` and `stretch_share` must leave a share for the walks in z; "
            f"they are {jump} and {stretch}. Make one of them smaller."
        )
    return jump, stretch
