"""What a move learns from its first steps: when it fits, from what, when it stops.

Wraps the samplers' learner: an affine map in closed form from the first fit on, a
network that takes over when it beats it on held-out draws, a gate on every refit.
After the last step that is learned from nothing changes any more.
"""

__all__ = ["Adaptation"]

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, FlowmcError
from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in, generator
from flowmc.core.types import LatentModel
from flowmc.moves.bounded import Bounded
from flowmc.moves.compiled_proposal import CompiledProposal
from flowmc.moves.decision import Outcome
from flowmc.moves.history import EnsembleHistory
from flowmc.moves.settings import MoveSettings
from flowmc.results.storage import window_record
from flowmc.sampling.device import place
from flowmc.sampling.learner import Learner
from flowmc.sampling.maps import part_of

# Ensembles are small: the launches of a GPU would cost more than the arithmetic.
DEVICE = "/CPU:0"
HISTORY_ROWS = 4  # positions remembered, in units of the reservoir's capacity


class Adaptation(Bounded):
    """The learning half of a move.

    Args:
        event_size: `D`.
        settings: What the move was asked to do.
        seed: Root seed of all training.

    Attributes:
        records: One for each fit.
        is_ready: Whether there is a map to propose with.
        is_settled: Whether the last fit has been made.
        is_frozen: Whether nothing changes any more.

    Raises:
        ConfigurationError: Settings and dimension do not fit.
    """

    def __init__(self, event_size: int, *, settings: MoveSettings, seed: Any) -> None:
        super().__init__(event_size, bounds=settings.bounds)
        self.settings = settings
        self.seed = seed
        with place("cpu"):
            model = settings.make_model(event_size, seed=fold_in(seed, "model"))
            if model.event_size != event_size:
                raise ConfigurationError(
                    f"`model` must have event_size {event_size}, the ensemble's number "
                    f"of parameters; it has {model.event_size}."
                )
            self._learner = self._make_learner(model)
        self._history = EnsembleHistory(
            num_steps=settings.num_adapt,
            max_rows=HISTORY_ROWS * settings.schedule.train.capacity,
        )
        self._compiled: dict[str, CompiledProposal] = {}
        self.records: tuple[WindowRecord, ...] = ()
        self.is_ready = self.is_frozen = False

    @property
    def is_settled(self) -> bool:
        """Whether the last fit has been made."""
        return len(self.records) == len(self.settings.fit_steps)

    @property
    def model(self) -> Any:
        """The map in force."""
        return self._learner.model

    @property
    def proposal(self) -> CompiledProposal:
        """The proposal in force; call only once `is_ready`."""
        rules = self._learner.rules
        if rules not in self._compiled:
            self._compiled[rules] = self._make_proposal(rules)
        return self._compiled[rules]

    def learn(
        self, step: int, coords: np.ndarray, log_prob: np.ndarray, *, progress: Any
    ) -> None:
        """Take note of the ensemble after own step number `step`; fit if it is time.

        The fit after the last of `settings.fit_steps` is the last one, and the step
        `settings.num_adapt` the last that anything is learned from.
        """
        if self.is_frozen:
            return
        if not self.is_settled:
            self._history.add(step, coords, log_prob)
            # An interrupted fit left no record: it is made up for at the next step.
            if step >= self.settings.fit_steps[len(self.records)]:
                self._fit(step, progress=progress)
        if self.is_settled and step >= self.settings.num_adapt:
            self.freeze()

    def note_jump(self, outcome: Outcome) -> None:
        """Take note of what became of jumps; here there is nothing to tune."""

    def freeze(self) -> None:
        """Change nothing any more; forget what only a further fit would need."""
        self.is_frozen = True
        self._history.clear()
        self._learner.replay.clear()

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned, and the history while there is more to learn."""
        parts = {
            "learned": self._learner.to_arrays(),
            "history": self._history.to_arrays(),
        }
        return {f"{k}/{n}": a for k, arrays in parts.items() for n, a in arrays.items()}

    def to_meta(self) -> dict[str, Any]:
        """Return the rest of the state as plain values."""
        return {
            "records": self.records,
            "is_ready": self.is_ready,
            "is_frozen": self.is_frozen,
        }

    def restore(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Restore what `to_arrays` and `to_meta` returned."""
        self._learner.from_arrays(part_of(arrays, "learned"))
        self._history.from_arrays(part_of(arrays, "history"))
        self.records = tuple(
            record if isinstance(record, WindowRecord) else window_record(record)
            for record in meta["records"]
        )
        self.is_ready, self.is_frozen = meta["is_ready"], meta["is_frozen"]

    def _make_learner(self, model: Any) -> Learner:
        if isinstance(model, LatentModel):
            raise ConfigurationError(
                "`model` of a flow's move must have a density; got "
                f"{type(model).__name__}. Use `VAEMove` for a latent-variable model."
            )
        return Learner(
            self.event_size,
            model=model,
            schedule=self.settings.schedule,
            seed=self.seed,
        )

    def _make_proposal(self, rules: str) -> CompiledProposal:
        """Compile the proposal of the map "affine" or "network"."""
        density = self._learner.proposals[rules]
        return CompiledProposal(density, transform=self._transform, device=DEVICE)

    def __getstate__(self) -> dict[str, Any]:
        arguments = {
            "event_size": self.event_size,
            "settings": self.settings,
            "seed": self.seed,
        }
        return {
            "arguments": arguments,
            "arrays": self.to_arrays(),
            "meta": self.to_meta(),
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state["arguments"])  # type: ignore[misc]
        self.restore(state["arrays"], state["meta"])

    def _fit(self, step: int, *, progress: Any) -> None:
        index = len(self.records)
        previous = 0 if not index else self.settings.fit_steps[index - 1]
        ruled = self.model.name if self.is_ready else "none"
        training = None
        try:
            self._recall(step)
            if not len(self._learner.replay):
                notes = ["no walker had a finite log-density: nothing was fitted"]
            else:
                # First by itself: it is what a failure falls back on.
                self._learner.fit_affine()
                self.is_ready = True
                with place("cpu"):
                    training, notes = self._learner.refit(
                        window=index, progress=progress
                    )
        # A run must survive a failed fit: the walkers then go on with what there is.
        except (FlowmcError, np.linalg.LinAlgError, tf.errors.OpError) as error:
            self._learner.rules = "affine"
            notes = [f"the fit failed, the affine map is kept: {error}"]
        record = WindowRecord(
            name=f"adapt {index + 1}",
            model=ruled,
            num_steps=step - previous,
            notes=tuple(notes),
            training=training,
        )
        self.records = (*self.records, record)

    def _recall(self, step: int) -> None:
        """Fill the reservoir with the recent ensembles, in `x`.

        Rows of one walker are alike: it is held out whole, or the held-out loss would
        go on falling while the model learns the walkers by heart.
        """
        coords, log_prob, walker = self._history.recent(step)
        if self._transform is not None and len(coords):
            inside = self.is_inside(coords)
            coords, log_det = self.to_x(coords[inside])
            log_prob, walker = log_prob[inside] + log_det, walker[inside]
        capacity = self._learner.replay.capacity
        if len(coords) > capacity:
            random = generator(fold_in(self.seed, "recall", step))
            kept = np.sort(random.permutation(len(coords))[:capacity])
            coords, log_prob, walker = coords[kept], log_prob[kept], walker[kept]
        self._learner.replay.clear()
        self._learner.groups = walker if len(np.unique(walker)) > 1 else None
        if len(coords):
            self._learner.replay.add(coords, log_prob=log_prob)
