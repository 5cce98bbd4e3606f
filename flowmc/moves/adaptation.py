"""What a move learns from its first steps: when it fits, from what, when it stops.

Wraps the samplers' learner: an affine map in closed form from the first fit on, a
network that takes over when it beats it on held-out draws, a gate on every refit.
After the last fit nothing changes any more.
"""

__all__ = ["Adaptation"]

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, FlowmcError
from flowmc.core.records import WindowRecord
from flowmc.core.seeds import fold_in
from flowmc.core.types import LatentModel
from flowmc.moves.compiled_proposal import CompiledProposal, to_unconstrained
from flowmc.moves.history import EnsembleHistory
from flowmc.moves.settings import MoveSettings
from flowmc.sampling.device import place
from flowmc.sampling.learner import Learner
from flowmc.transforms.bounds import BoundsTransform

# Ensembles are small: the launches of a GPU would cost more than the arithmetic.
DEVICE = "/CPU:0"
HISTORY_ROWS = 4  # positions remembered, in units of the reservoir's capacity


class Adaptation:
    """The learning half of a move.

    Args:
        event_size: `D`.
        settings: What the move was asked to do.
        seed: Root seed of all training.

    Raises:
        ConfigurationError: Settings and dimension do not fit.
    """

    def __init__(self, event_size: int, *, settings: MoveSettings, seed: Any) -> None:
        self.event_size = event_size
        self.settings = settings
        self.seed = seed
        self._transform = _make_transform(settings.bounds, event_size)
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
        self.is_ready = False
        self.is_frozen = False

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

    def is_inside(self, theta: np.ndarray) -> np.ndarray:
        """Tell which rows of `[n, D]` are finite and strictly inside the bounds."""
        inside = np.isfinite(theta)
        if self._transform is not None:
            low, high = self._transform.bounds.T
            inside &= (theta > low) & (theta < high)
        return inside.all(axis=1)

    def check_start(self, theta: np.ndarray, log_prob: np.ndarray) -> None:
        """Refuse walkers `[n, D]` of non-zero density outside the bounds."""
        outside = ~self.is_inside(theta) & np.isfinite(log_prob)
        if outside.any():
            row = int(np.argmax(outside))
            raise ConfigurationError(
                "Every walker must be strictly inside `bounds`; walker "
                f"{row} is at {theta[row].tolist()}, and {int(outside.sum())} of "
                f"{len(outside)} are outside. Widen the bounds or move the walkers."
            )

    def learn(
        self, step: int, coords: np.ndarray, log_prob: np.ndarray, *, progress: Any
    ) -> None:
        """Take note of the ensemble after own step number `step`; fit if it is time.

        The fit after the last of `settings.fit_steps` is the last one.
        """
        if self.is_frozen:
            return
        self._history.add(step, coords, log_prob)
        planned = self.settings.fit_steps
        # An interrupted fit left no record: it is made up for at the next step.
        if step < planned[len(self.records)]:
            return
        self._fit(step, progress=progress)
        if len(self.records) == len(planned):
            self.is_frozen = True
            self._history.clear()
            self._learner.replay.clear()

    def _make_learner(self, model: Any) -> Learner:
        if isinstance(model, LatentModel):
            raise ConfigurationError(
                "`model` of `FlowMove` must have a density; got "
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
        return {
            "arguments": {
                "event_size": self.event_size,
                "settings": self.settings,
                "seed": self.seed,
            },
            "learned": self._learner.to_arrays(),
            "history": self._history.to_arrays(),
            "records": self.records,
            "flags": (self.is_ready, self.is_frozen),
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state["arguments"])  # type: ignore[misc]
        self._learner.from_arrays(state["learned"])
        self._history.from_arrays(state["history"])
        self.records = state["records"]
        self.is_ready, self.is_frozen = state["flags"]

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
        """Fill the reservoir with the recent ensembles, in `x`."""
        coords, log_prob = self._history.recent(step)
        if self._transform is not None and len(coords):
            inside = self.is_inside(coords)
            coords, log_det = to_unconstrained(self._transform, coords[inside])
            log_prob = log_prob[inside] + log_det
        self._learner.replay.clear()
        if len(coords):
            self._learner.replay.add(coords, log_prob=log_prob)


def _make_transform(bounds: Any, event_size: int) -> BoundsTransform | None:
    if bounds is None:
        return None
    if len(bounds) != event_size:
        raise ConfigurationError(
            f"`bounds` must have one pair for each of the {event_size} parameters; "
            f"got {len(bounds)}."
        )
    transform = BoundsTransform(bounds)
    return None if transform.is_identity else transform
