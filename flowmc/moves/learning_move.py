"""What every move has that learns from the ensemble and then freezes itself.

It learns in its first `num_adapt` steps.  Under `tune=True` of emcee it learns in the
steps that emcee has it tuned after and in no others: that is what `tune` promises.
"""

__all__ = ["LearningMove", "STRETCH"]

from functools import partial
from typing import Any

import emcee
import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.core.records import WindowRecord
from flowmc.core.seeds import root_seed
from flowmc.moves.adaptation import Adaptation
from flowmc.moves.complement import ComplementAdaptation
from flowmc.moves.evaluation import draw_seed, guarded, num_stored_steps
from flowmc.moves.position import Position
from flowmc.moves.report import describe, in_short
from flowmc.moves.settings import MoveSettings
from flowmc.moves.state_file import StateFile
from flowmc.moves.tally import Tally

STRETCH = "stretch or difference"
# One grows out of a narrow start, the other finds its way along arms (by pairs).
_STRETCH_MOVE, _DIFFERENCES = emcee.moves.StretchMove(), emcee.moves.DEMove()
PAIRED = range(4, 513)  # walkers


class LearningMove(emcee.moves.Move):
    """Base of the moves; `_step` is what each of them adds.

    Args:
        settings: What the move was asked to do, checked.
        names: Kinds of steps beside the stretch, as the tallies call them.
        seed: Seed of the training; by default drawn from emcee's generator.
        progress: Show the fits: False, True, or a callable.
        state_path: File to keep what was learned in, or None.
    """

    _adaptation_kind: type[Any] = Adaptation
    __repr__ = in_short

    def __init__(
        self,
        settings: MoveSettings,
        *,
        names: tuple[str, ...],
        seed: Any,
        progress: Any,
        state_path: Any,
    ) -> None:
        self._settings = settings
        self._seed = None if seed is None else root_seed(seed)
        self._progress = progress
        self._adaptation: Any = None
        self._tallies = {name: Tally() for name in (STRETCH, *names)}
        self._position = Position(frozen_at=0 if settings.is_exact else None)
        self._saved_at, self._is_restored = 0, False
        self._file = None
        if state_path is not None:
            self._file = StateFile(state_path, name=type(self).__name__)
            self._restore(self._file)

    @property
    def num_steps(self) -> int:
        """Own steps so far."""
        return self._position.num_steps

    @property
    def ntune(self) -> int:
        """Own steps it learns from, and how long to run emcee with `tune=True`."""
        return 0 if self._settings.is_exact else self._settings.num_adapt

    @property
    def frozen_at(self) -> int | None:
        """Stored steps to discard, or None while the move adapts.

        Rows of the sampler's chain up to and including that of the last adapting step,
        as the backend counted them then (`thin_by` included).  After `sampler.reset()`
        nothing need be discarded.  Without a sampler the move's own steps are counted.
        """
        return self._position.num_discarded

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
        adaptation, position = self._prepare(model, state), self._position
        adaptation.drop_notes()
        is_fixed = adaptation.is_frozen or position.is_paused
        try:
            if self._has_turn(is_fixed):
                state, accepted = self._step(adaptation, model, state, is_fixed)
            else:
                state, accepted = self._stretched(model, state)
        except BaseException:
            # What a run has learned is not lost with it: the step before is saved.
            self.save_state()
            raise
        position.num_steps, position.was_tuned = position.num_steps + 1, False
        if not adaptation.is_frozen:
            if position.is_tuned or position.num_learned + 1 >= self.ntune:
                default = position.num_steps - 1
                position.row = 1 + num_stored_steps(model, default=default)
            if not position.is_tuned:
                self._learn(state)
        elif position.num_steps >= 2 * self._saved_at > 0:
            self.save_state()  # the tallies, now and then
        return state, accepted

    def tune(self, state: emcee.State, accepted: np.ndarray) -> None:
        """Learn from the step just taken; called by emcee where `tune=True`.

        From the first call on the move learns here alone: a run without `tune` after
        one with it changes nothing, whether or not `num_adapt` steps were taken.
        """
        position, is_first = self._position, not self._position.is_tuned
        position.is_tuned = position.was_tuned = True
        # The first step was learned from when it was taken.
        if not (is_first or self._adaptation is None or self._adaptation.is_frozen):
            self._learn(state)

    def report(self) -> str:
        """Return what the move did, in a few lines."""
        name = type(self).__name__
        return describe(
            title=f"{name}, map in force: {getattr(self.model, 'name', 'none')}",
            num_steps=self._position.num_learned,
            num_adapt=self.ntune,
            frozen_at=self.frozen_at,
            tallies=self._tallies,
            records=self.history,
        )

    def save_state(self) -> None:
        """Write what was learned to `state_path`, as it does itself after each fit."""
        if self._file is None or self._adaptation is None:
            return
        adaptation = self._adaptation
        meta = {
            "settings": self._settings.describe(),
            "event_size": adaptation.event_size,
            "seed": adaptation.seed,
            "adaptation": adaptation.to_meta(),
            "position": self._position,
            "tallies": self._tallies,
        }
        self._file.save(adaptation.to_arrays(), meta)
        self._saved_at = self.num_steps

    def _restore(self, file: StateFile) -> None:
        """Go on from a saved state, if there is one."""
        if not (found := file.load(expected={"settings": self._settings.describe()})):
            return
        arrays, meta = found
        self._adaptation = self._make_adaptation(meta["event_size"], meta["seed"])
        self._adaptation.restore(arrays, meta["adaptation"])
        self._position = Position(**meta["position"])
        for name, values in meta["tallies"].items():
            self._tallies[name] = Tally.from_values(values)
        self._saved_at, self._is_restored = self.num_steps, True

    def _make_adaptation(self, event_size: int, seed: Any) -> Any:
        is_exact = self._settings.is_exact
        seed = root_seed(0 if seed is None else seed)  # exact: there is no training
        kind = ComplementAdaptation if is_exact else self._adaptation_kind
        return kind(event_size, settings=self._settings, seed=seed)

    def _has_turn(self, is_fixed: bool) -> bool:
        """Whether this step is the move's own, and no stretch."""
        if not self._adaptation.is_ready:
            return False
        return is_fixed or self._adaptation.is_settled or self.num_steps % 2 == 0

    def _step(
        self, adaptation: Any, model: Any, state: emcee.State, is_fixed: bool
    ) -> tuple[emcee.State, np.ndarray]:
        """Take the move's own step; `is_fixed` where nothing is learned from it."""
        raise TypeError(f"{type(self).__name__} has no step of its own.")

    def _stretched(
        self, model: Any, state: emcee.State
    ) -> tuple[emcee.State, np.ndarray]:
        """Take a step of emcee's own that stays inside the bounds."""
        walk = guarded(model, self._adaptation.is_inside)
        # By chance, not in turn: a restart need not know how many steps there were.
        is_paired = model.random.rand() < 0.5 and len(state.coords) in PAIRED
        move = _DIFFERENCES if is_paired else _STRETCH_MOVE
        state, accepted = move.propose(walk, state)
        self._tallies[STRETCH].count(accepted)
        return state, accepted

    def _prepare(self, model: Any, state: emcee.State) -> Any:
        """Bring the state into float64; build what depends on the dimension."""
        state.coords = np.asarray(state.coords, dtype=np.float64)
        event_size = state.coords.shape[1]
        if self._adaptation is None:
            seed = self._seed
            if seed is None and not self._settings.is_exact:
                seed = draw_seed(model.random)
            adaptation = self._make_adaptation(event_size, seed)
            adaptation.check_start(state.coords, state.log_prob)
            self._adaptation = adaptation
        elif self._adaptation.event_size != event_size:
            raise ConfigurationError(
                f"A move keeps its number of parameters, here "
                f"{self._adaptation.event_size}; this ensemble has {event_size}. Make "
                "a new move for it."
            )
        if self._is_restored:
            self._adaptation.check_start(state.coords, state.log_prob)
            self._is_restored = False
            self._position.recount(partial(num_stored_steps, model))
        return self._adaptation

    def _learn(self, state: emcee.State) -> None:
        adaptation, position = self._adaptation, self._position
        num_fits, rows = len(self.history), (state.coords, state.log_prob)
        position.num_learned += 1
        adaptation.learn(position.num_learned, *rows, progress=self._progress)
        position.learned_until = position.row
        if adaptation.is_frozen:
            position.frozen_at = position.row
        if adaptation.is_frozen or len(self.history) > num_fits:
            self.save_state()
