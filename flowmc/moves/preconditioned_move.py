"""Local steps in the base space of a flow that trains on the ensemble, then freezes.

    x = f(z),   a walk in z,   log pi_z(z) = log pi(f(z)) + log|det df/dz|

What is curved and badly scaled in x is nearly a standard normal in z, where one length
of step fits all directions.  Steps stay near, so that they are accepted in dimensions
and places where jumps are not.

Reference: Parno and Marzouk (2018), arXiv:1412.5492.
"""

__all__ = ["PreconditionedMove", "take_walk"]

from typing import Any

import emcee
import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.moves.compiled_proposal import Scored
from flowmc.moves.decision import decide, red_blue
from flowmc.moves.evaluation import draw_seed
from flowmc.moves.flow_move import acceptance_of
from flowmc.moves.learning_move import LearningMove
from flowmc.moves.settings import check_settings
from flowmc.moves.tally import Tally
from flowmc.moves.walk_adaptation import WalkAdaptation, with_kernel
from flowmc.sampling.settings import TrainSettings

ADAPTING, FROZEN = "walk in z, adapting", "walk in z, frozen"
_STRETCH = emcee.moves.StretchMove()


class PreconditionedMove(LearningMove):
    """Walk in the base space of a flow, for all walkers at once.

    It learns in its first `num_adapt` steps, as `FlowMove` does: the flow in the first
    three quarters of them, then the length of its steps.  Then it freezes.  With
    `kernel="stretch"` each random half of the walkers stretches towards the other, as
    in emcee, but along the curves that are straight lines in z.

    Only draws made after that are draws from the posterior; `frozen_at` is what to
    discard.

    Args:
        model: Name of a family, or a model; a model is copied, and trained anew.
        num_adapt: Own steps (not the ensemble's) after which it freezes.
        kernel: "t_pcn" (steps that leave a Student-t in z as it is), "random_walk", or
            "stretch".
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
        >>> moves = PreconditionedMove("maf", 500, kernel="t_pcn")
        >>> sampler = emcee.EnsembleSampler(32, 2, log_prob, moves=moves)
    """

    _adaptation_kind = WalkAdaptation

    def __init__(
        self,
        model: Any = "maf",
        num_adapt: int = 1000,
        *,
        kernel: str = "t_pcn",
        train_every: int | None = None,
        bounds: Any = None,
        state_path: Any = None,
        seed: Any = None,
        progress: Any = False,
        train: TrainSettings | None = None,
        **model_options: Any,
    ) -> None:
        settings = check_settings(
            model=model,
            options=model_options,
            num_adapt=num_adapt,
            train_every=train_every,
            bounds=bounds,
            train=train,
        )
        super().__init__(
            with_kernel(settings, kernel),
            names=(ADAPTING, FROZEN),
            seed=seed,
            progress=progress,
            state_path=state_path,
        )

    @property
    def model(self) -> Any:
        """The map whose z it walks in, or None before the first step."""
        return None if self._adaptation is None else self._adaptation.walk_model

    @property
    def acceptance_fraction(self) -> float:
        """Accepted share of the steps in z since it froze (or so far)."""
        return acceptance_of(self._tallies, ADAPTING, FROZEN)

    @property
    def step_size(self) -> float:
        """Length of a step in z; NaN before the first step, and for the stretch."""
        return np.nan if self._adaptation is None else self._adaptation.step_size

    def _step(
        self, adaptation: Any, model: Any, state: emcee.State, is_fixed: bool
    ) -> tuple[emcee.State, np.ndarray]:
        tally = self._tallies[FROZEN if is_fixed else ADAPTING]
        return take_walk(adaptation, model, state, tally, is_fixed=is_fixed)


def take_walk(
    adaptation: WalkAdaptation,
    model: Any,
    state: emcee.State,
    tally: Tally,
    *,
    is_fixed: bool,
) -> tuple[emcee.State, np.ndarray]:
    """Take one step in z with every walker.

    Args:
        adaptation: Has the map and the length of the step.
        model: emcee's `Model`.
        state: The ensemble; changed in place.
        tally: Where the step is entered.
        is_fixed: Whether nothing is learned from it.
    """
    if adaptation.settings.kernel == "stretch":
        return _stretch_in_z(adaptation, model, state, tally)
    seed = draw_seed(model.random)
    scored = adaptation.walk.draw_and_score(state.coords, seed=seed)
    outcome = decide(model, state, scored, is_inside=adaptation.is_inside)
    tally.enter(outcome)
    if not is_fixed:
        adaptation.note(outcome)
    return outcome.state, outcome.accepted


def _stretch_in_z(
    adaptation: WalkAdaptation, model: Any, state: emcee.State, tally: Tally
) -> tuple[emcee.State, np.ndarray]:
    """Stretch each half of the walkers towards the other, in z."""
    change = adaptation.map
    count, size = state.coords.shape
    if count < 2 * size:  # fewer never leave the plane they lie in
        raise ConfigurationError(
            f"A stretch needs at least {2 * size} walkers, twice the parameters; got "
            f'{count}. Add walkers, or use `kernel="t_pcn"`.'
        )

    def propose(moving: np.ndarray) -> Scored:
        z, log_q = change.to_z(state.coords)
        # A walker that has no place in z is no one's partner; where it is, is known.
        known = np.isfinite(log_q)
        partners = z[~moving & known]
        mine = np.where(known[:, None], z, 0.0)[moving]
        if not len(partners):
            nowhere = np.full(len(mine), np.inf)
            return Scored(np.full_like(mine, np.nan), nowhere, log_q[moving])
        points, factor = _STRETCH.get_proposal(mine, [partners], model.random)
        theta, log_q_new = change.to_theta(points)
        return Scored(theta, log_q_new - factor, log_q[moving])

    return red_blue(
        model, state, propose=propose, is_inside=adaptation.is_inside, tally=tally
    )
