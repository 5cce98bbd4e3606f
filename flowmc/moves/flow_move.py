"""Independence move from a flow that trains on the ensemble, then freezes itself.

    log ratio = [log pi(x') - log q(x')] - [log pi(x) - log q(x)]

One jump crosses a curved or correlated posterior that takes many stretch moves to walk
through.  Beside a local move no walker is stuck for long where the flow is wrong.

Reference: Gabrie, Rotskoff and Vanden-Eijnden (2022), arXiv:2105.12603; Goodman and
Weare (2010), doi:10.2140/camcos.2010.5.65, for the step it takes while it learns.
"""

__all__ = ["ADAPTING", "FROZEN", "FlowMove", "acceptance_of"]

from typing import Any

import emcee
import numpy as np

from flowmc.moves.adaptation import Adaptation
from flowmc.moves.compiled_proposal import Scored
from flowmc.moves.decision import decide, log_factor
from flowmc.moves.evaluation import draw_seed
from flowmc.moves.learning_move import LearningMove
from flowmc.moves.settings import check_settings
from flowmc.moves.tally import Tally
from flowmc.sampling.settings import TrainSettings

ADAPTING, FROZEN = "flow, adapting", "flow, frozen"


class FlowMove(LearningMove):
    """Propose from a flow, for all walkers at once.

    In its first `num_adapt` steps the move learns from the ensemble, and takes every
    other step (all of them before its first fit) as one of emcee's own moves, stretch
    or differential evolution, so that it works alone and from a narrow start.
    Then it freezes: from there on it is an ordinary Metropolis-Hastings step that
    ignores where the other walkers are.

    Only draws made after that are draws from the posterior: until then the proposal
    depends on the walkers it moves.  `frozen_at` is what to pass as `discard` to
    emcee's `get_chain`.  With `tune=True` it learns in the tuned steps alone.

    With `learn_from="complement"` it never learns and need not freeze: the proposals
    of each half of the walkers come from a Student-t fitted to where the other half is
    now, and every draw counts from the first on.

    Args:
        model: Name of a family, or a model; a model is copied, and trained anew.
        num_adapt: Own steps (not the ensemble's) after which it freezes.
        defensive_weight: Share of heavy-tailed proposals beside the flow's.
        train_every: Own steps before the first fit; the intervals double from there.
            Default an eighth of `num_adapt`.
        bounds: D pairs `(low, high)`, infinite where there is none: the user's function
            is never called outside.  Every walker must start inside.
        learn_from: "history", or "complement" (of the model "gaussian" only).
        state_path: File to keep what was learned in: a restart goes on from there.  It
            may be the file of emcee's `HDFBackend`.
        seed: Seed of the training; by default drawn from emcee's generator, from which
            all other randomness comes.  Same generator state, same chain.
        progress: Show the fits: False, True, or a callable.
        train: Settings of the fits.
        **model_options: The family's own settings.

    Raises:
        ConfigurationError: A setting is out of range, or an option unknown.
        CheckpointMismatchError: `state_path` holds a move with other settings.

    Example:
        >>> moves = [(FlowMove("maf", 500), 0.5), (emcee.moves.StretchMove(), 0.5)]
        >>> sampler = emcee.EnsembleSampler(32, 2, log_prob, moves=moves)
    """

    _adaptation_kind: type[Adaptation] = Adaptation

    def __init__(
        self,
        model: Any = "maf",
        num_adapt: int = 1000,
        *,
        defensive_weight: float = 0.1,
        train_every: int | None = None,
        bounds: Any = None,
        learn_from: str = "history",
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
            defensive_weight=defensive_weight,
            train_every=train_every,
            bounds=bounds,
            train=train,
            learn_from=learn_from,
        )
        super().__init__(
            settings,
            names=(ADAPTING, FROZEN),
            seed=seed,
            progress=progress,
            state_path=state_path,
        )

    @property
    def acceptance_fraction(self) -> float:
        """Accepted share of the flow's proposals since it froze (or so far)."""
        return acceptance_of(self._tallies, ADAPTING, FROZEN)

    def _step(
        self, adaptation: Any, model: Any, state: emcee.State, is_fixed: bool
    ) -> tuple[emcee.State, np.ndarray]:
        tally = self._tallies[FROZEN if is_fixed else ADAPTING]
        if self._settings.is_exact:
            return adaptation.step(model, state, tally)
        return self._jump(adaptation, model, state, tally, is_fixed=is_fixed)

    def _jump(
        self,
        adaptation: Any,
        model: Any,
        state: emcee.State,
        tally: Tally,
        *,
        is_fixed: bool,
    ) -> tuple[emcee.State, np.ndarray]:
        """Accept or reject one draw of the proposal for each walker."""
        scored = self._score(adaptation, state.coords, seed=draw_seed(model.random))
        outcome = decide(
            model,
            state,
            scored,
            is_inside=adaptation.is_inside,
            factor=self._log_factor(scored),
        )
        tally.enter(outcome)
        if not is_fixed:
            adaptation.note_jump(outcome)
        return outcome.state, outcome.accepted

    def _score(
        self, adaptation: Any, current: np.ndarray, *, seed: np.ndarray
    ) -> Scored:
        """Draw for the walkers `current` `[n, D]`, and score both ends of the jump."""
        return adaptation.proposal.draw_and_score(current, seed=seed)

    def _log_factor(self, scored: Scored) -> np.ndarray:
        return log_factor(scored)


def acceptance_of(tallies: dict[str, Tally], adapting: str, frozen: str) -> float:
    """Return the accepted share since a move froze, or so far if it has not."""
    tally = tallies[frozen]
    return tally.acceptance if tally.num_steps else tallies[adapting].acceptance
