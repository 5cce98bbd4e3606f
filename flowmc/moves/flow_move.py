"""Independence move from a flow that trains on the ensemble, then freezes itself.

    log ratio = [log pi(x') - log q(x')] - [log pi(x) - log q(x)]

One jump crosses a curved or correlated posterior that takes many stretch moves to walk
through.  Beside a local move no walker is stuck for long where the flow is wrong.

Reference: Gabrie, Rotskoff and Vanden-Eijnden (2022), arXiv:2105.12603; Goodman and
Weare (2010), doi:10.2140/camcos.2010.5.65, for the step it takes while it learns.
"""

__all__ = ["FlowMove"]

from typing import Any

import emcee
import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.core.records import WindowRecord
from flowmc.core.seeds import root_seed
from flowmc.moves.adaptation import Adaptation
from flowmc.moves.compiled_proposal import Scored
from flowmc.moves.evaluation import (
    draw_seed,
    evaluate_where,
    guarded,
    num_stored_steps,
)
from flowmc.moves.report import describe
from flowmc.moves.settings import check_settings
from flowmc.moves.tally import Tally
from flowmc.sampling.settings import TrainSettings

STRETCH, ADAPTING, FROZEN = "stretch", "flow, adapting", "flow, frozen"


class FlowMove(emcee.moves.Move):
    """Propose from a flow, for all walkers at once.

    In its first `num_adapt` steps the move learns from the ensemble, and takes every
    other step (all of them before its first fit) as a stretch move, so that it works
    alone and from a narrow start.  Then it freezes: from there on it is an ordinary
    Metropolis-Hastings step that ignores where the other walkers are.

    Only draws made after that are draws from the posterior: until then the proposal
    depends on the walkers it moves.  `frozen_at` is what to pass as `discard` to
    emcee's `get_chain`.

    Args:
        model: Name of a family, or a model; a model is copied, and trained anew.
        num_adapt: Own steps (not the ensemble's) after which it freezes.
        defensive_weight: Share of heavy-tailed proposals beside the flow's.
        train_every: Own steps before the first fit; the intervals double from there.
            Default an eighth of `num_adapt`.
        bounds: D pairs `(low, high)`, infinite where there is none: the user's function
            is never called outside.  Every walker must start inside.
        seed: Seed of the training; by default drawn from emcee's generator, from which
            all other randomness comes.  Same generator state, same chain.
        progress: Show the fits: False, True, or a callable.
        train: Settings of the fits.
        **model_options: The family's own settings.

    Raises:
        ConfigurationError: A setting is out of range, or an option unknown.

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
        seed: Any = None,
        progress: Any = False,
        train: TrainSettings | None = None,
        **model_options: Any,
    ) -> None:
        self._settings = check_settings(
            model=model,
            options=model_options,
            num_adapt=num_adapt,
            defensive_weight=defensive_weight,
            train_every=train_every,
            bounds=bounds,
            train=train,
        )
        self._seed = None if seed is None else root_seed(seed)
        self._progress = progress
        self._stretch = emcee.moves.StretchMove()
        self._adaptation: Adaptation | None = None
        self._tallies = {name: Tally() for name in (STRETCH, ADAPTING, FROZEN)}
        self._num_steps = 0
        self._frozen_at: int | None = None

    @property
    def num_steps(self) -> int:
        """Own steps so far."""
        return self._num_steps

    @property
    def frozen_at(self) -> int | None:
        """Stored steps to discard, or None while the move adapts.

        Rows of the sampler's chain up to and including the one that holds the last
        adapting step, as the backend counted them then (`thin_by` included).  After
        `sampler.reset()` nothing that is left need be discarded.  Where the caller is
        no emcee sampler, its steps are taken to be the move's own.
        """
        return self._frozen_at

    @property
    def acceptance_fraction(self) -> float:
        """Accepted share of the flow's proposals since it froze (or so far)."""
        name = ADAPTING if self._frozen_at is None else FROZEN
        return self._tallies[name].acceptance

    @property
    def num_masked(self) -> int:
        """Proposals that the user's function never saw, as they were out of bounds."""
        return sum(tally.num_masked for tally in self._tallies.values())

    @property
    def model(self) -> Any:
        """The map in force, or None before the first step."""
        return None if self._adaptation is None else self._adaptation.model

    @property
    def history(self) -> tuple[WindowRecord, ...]:
        """One record for each fit."""
        return () if self._adaptation is None else self._adaptation.records

    def propose(self, model: Any, state: emcee.State) -> tuple[emcee.State, np.ndarray]:
        """Take one step with every walker; called by emcee.

        Args:
            model: emcee's `Model`: the function and the generator.
            state: The ensemble; changed in place, as emcee's own moves do.

        Returns:
            The state, and which walkers moved `[num_walkers]`.
        """
        adaptation = self._prepare(model, state)
        is_frozen, is_even = adaptation.is_frozen, self._num_steps % 2 == 0
        if adaptation.is_ready and (is_frozen or is_even):
            name = FROZEN if is_frozen else ADAPTING
            state, accepted = self._jump(adaptation, model, state, self._tallies[name])
        else:
            walk = guarded(model, adaptation.is_inside)
            state, accepted = self._stretch.propose(walk, state)
            self._tallies[STRETCH].count(accepted)
        self._num_steps += 1
        if not is_frozen:
            self._learn(adaptation, model, state)
        return state, accepted

    def report(self) -> str:
        """Return what the move did, in a few lines."""
        name = getattr(self.model, "name", "none")
        return describe(
            title=f"{type(self).__name__}, map in force: {name}",
            num_steps=self._num_steps,
            num_adapt=self._settings.num_adapt,
            frozen_at=self._frozen_at,
            tallies=self._tallies,
            records=self.history,
        )

    def _prepare(self, model: Any, state: emcee.State) -> Adaptation:
        """Bring the state into float64; build what depends on the dimension."""
        state.coords = np.asarray(state.coords, dtype=np.float64)
        event_size = state.coords.shape[1]
        if self._adaptation is None:
            seed = draw_seed(model.random) if self._seed is None else self._seed
            adaptation = self._adaptation_kind(
                event_size, settings=self._settings, seed=seed
            )
            adaptation.check_start(state.coords, state.log_prob)
            self._adaptation = adaptation
        elif self._adaptation.event_size != event_size:
            raise ConfigurationError(
                f"A move keeps its number of parameters, here "
                f"{self._adaptation.event_size}; this ensemble has {event_size}. Make "
                "a new move for it."
            )
        return self._adaptation

    def _jump(
        self, adaptation: Adaptation, model: Any, state: emcee.State, tally: Tally
    ) -> tuple[emcee.State, np.ndarray]:
        """Accept or reject one draw of the proposal for each walker."""
        scored = self._score(adaptation, state.coords, seed=draw_seed(model.random))
        usable = adaptation.is_inside(scored.points) & np.isfinite(scored.log_q)
        log_prob, blobs = evaluate_where(
            model.compute_log_prob_fn, scored.points, usable
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = log_prob - state.log_prob + self._log_factor(scored)
            log_uniform = np.log(model.random.rand(len(usable)))
        # A walker at zero density may go anywhere, wherever q would have put it.
        is_lost = np.isneginf(state.log_prob) & np.isfinite(log_prob)
        accepted = (log_uniform < log_ratio) | is_lost
        proposed = emcee.State(scored.points, log_prob=log_prob, blobs=blobs)
        state = self.update(state, proposed, accepted)
        num_unscored = int((~np.isfinite(scored.log_q_current)).sum())
        tally.count(
            accepted, num_masked=int((~usable).sum()), num_unscored=num_unscored
        )
        return state, accepted

    def _score(
        self, adaptation: Adaptation, current: np.ndarray, *, seed: np.ndarray
    ) -> Scored:
        """Draw for the walkers `current` `[n, D]`, and score both ends of the jump."""
        return adaptation.proposal.draw_and_score(current, seed=seed)

    def _log_factor(self, scored: Scored) -> np.ndarray:
        """Return log q(x) - log q(x') `[n]`, -inf where the walker has no log q."""
        is_known = np.isfinite(scored.log_q_current)
        return np.where(is_known, scored.log_q_current - scored.log_q, -np.inf)

    def _learn(self, adaptation: Adaptation, model: Any, state: emcee.State) -> None:
        step = self._num_steps
        adaptation.learn(step, state.coords, state.log_prob, progress=self._progress)
        if adaptation.is_frozen:
            self._frozen_at = num_stored_steps(model, default=step - 1) + 1
