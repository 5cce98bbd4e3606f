"""What a move that walks in z learns: as `Adaptation`, and how long its steps are."""

__all__ = ["WALKS", "WalkAdaptation", "WalkSettings", "with_kernel"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.adaptation import DualAveraging
from flowmc.moves.adaptation import DEVICE, Adaptation
from flowmc.moves.compiled_walk import CompiledMap, CompiledWalk
from flowmc.moves.decision import Outcome
from flowmc.moves.settings import MoveSettings
from flowmc.sampling.closed_form import LEAST_ROWS
from flowmc.sampling.judging import beats
from flowmc.sampling.learner import MIN_GAIN
from flowmc.sampling.local_kernels import first_step_size, make_local

WALKS = ("t_pcn", "random_walk", "stretch")
GOOD_JUMPS = 0.2  # acceptance of jumps that are worth their full share
FEWEST_JUMPS = 0.1  # part of their share that they keep in any case
RECENT = 0.05  # weight of the latest step in the mean acceptance of jumps
LAST_FIT = 0.75  # of the steps it learns from; the rest are for the length of steps


@dataclass(frozen=True)
class WalkSettings(MoveSettings):
    """What a move that walks in z was asked to do.

    Attributes:
        kernel: One of `WALKS`.
    """

    kernel: str = "t_pcn"


class WalkAdaptation(Adaptation):
    """The learning half of a move that walks in z; `settings` are `WalkSettings`."""

    settings: WalkSettings

    def __init__(self, event_size: int, *, settings: MoveSettings, seed: Any) -> None:
        super().__init__(event_size, settings=settings, seed=seed)
        self._walks_in_network = False
        self._noted: tuple[str, float] | None = None  # of the step just taken
        self.jump_acceptance = GOOD_JUMPS
        self._walks: dict[str, CompiledWalk] = {}
        self._maps: dict[str, CompiledMap] = {}
        self._inner: Any = None
        self._tuner: Any = None
        if self.settings.kernel == "stretch":
            self._refuse_circles()
        else:
            self._begin(first_step_size(self.settings.kernel, event_size))

    @property
    def step_size(self) -> float:
        """Length of a step in z; NaN for the stretch, which has none."""
        return math.nan if self._inner is None else float(self._inner.step_size.numpy())

    @property
    def walk_model(self) -> Any:
        """The map whose z is walked in: the network, or the affine map.

        Not always what jumps are drawn from: laws of clusters may draw better than
        the network and are no map, and the network may still straighten more than the
        affine map does.
        """
        return self._learner.network if self._walks_in_network else self._learner.affine

    @property
    def walk(self) -> CompiledWalk:
        """The steps in z; call only once `is_ready`."""
        name = self.walk_model.name
        if name not in self._walks:
            self._walks[name] = CompiledWalk(
                self._inner, self.walk_model, transform=self._transform, device=DEVICE
            )
        return self._walks[name]

    @property
    def map(self) -> CompiledMap:
        """The map between theta and z; call only once `is_ready`."""
        name = self.walk_model.name
        if name not in self._maps:
            self._maps[name] = CompiledMap(
                self.walk_model, transform=self._transform, device=DEVICE
            )
        return self._maps[name]

    def note(self, outcome: Outcome) -> None:
        """Keep how a walk fared, for `learn`: steps become longer or shorter."""
        self._noted = "walk", outcome.acceptance

    def note_jump(self, outcome: Outcome) -> None:
        """Keep how a jump fared, for `learn`: their share follows."""
        self._noted = "jump", outcome.acceptance

    def drop_notes(self) -> None:
        """Forget the last step: nothing is learned from it."""
        self._noted = None

    def learn(
        self, step: int, coords: np.ndarray, log_prob: np.ndarray, *, progress: Any
    ) -> None:
        """Heed what was noted of the step, then learn as every adaptation does."""
        noted, self._noted = self._noted, None
        if noted is not None and not self.is_frozen:
            kind, acceptance = noted
            if kind == "jump":
                self.jump_acceptance += RECENT * (acceptance - self.jump_acceptance)
            elif self._tuner is not None:
                self._inner.step_size.assign(self._tuner.update(acceptance))
        super().learn(step, coords, log_prob, progress=progress)

    @property
    def jump_worth(self) -> float:
        """By what to multiply the share of the jumps: 1 unless they are refused."""
        return float(np.clip(self.jump_acceptance / GOOD_JUMPS, FEWEST_JUMPS, 1.0))

    def freeze(self) -> None:
        """Change nothing any more."""
        super().freeze()
        if self._tuner is not None:
            self._inner.step_size.assign(self._tuner.average)

    def to_meta(self) -> dict[str, Any]:
        """Return the state, step sizes included, as plain values."""
        tuner = {} if self._tuner is None else dict(vars(self._tuner))
        own = {
            "tuner": tuner,
            "step_size": self.step_size,
            "jump_acceptance": self.jump_acceptance,
            "walks_in_network": self._walks_in_network,
        }
        return {**super().to_meta(), **own}

    def restore(
        self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> None:
        """Restore what `to_arrays` and `to_meta` returned."""
        super().restore(arrays, meta)
        self._walks_in_network = meta["walks_in_network"]
        self.jump_acceptance = meta["jump_acceptance"]
        if self._tuner is not None:
            vars(self._tuner).update(meta["tuner"])
            self._inner.step_size.assign(meta["step_size"])

    def _fit(self, step: int, *, progress: Any) -> None:
        super()._fit(step, progress=progress)
        if self.is_ready:
            self._choose_map()
            self.jump_acceptance = max(self.jump_acceptance, 0.5 * GOOD_JUMPS)
        if self._tuner is not None:
            self._begin(self._tuner.average)

    def _choose_map(self) -> None:
        """Walk in the network's z where it beats the affine map on unseen draws."""
        learner, window = self._learner, len(self.records) - 1
        draws = learner.replay.draws
        held = draws[learner.held((window,))] if len(draws) > LEAST_ROWS else draws
        self._walks_in_network = learner.network.name != learner.affine.name and beats(
            learner.network, learner.affine, held, by=MIN_GAIN
        )

    def _begin(self, step_size: float) -> None:
        """Look for the length of steps anew: the map is another one."""
        if self._inner is None:
            affine = self._learner.affine
            self._inner = make_local(self.settings.kernel, self.model, affine).inner
        self._tuner = DualAveraging(
            step_size,
            target_acceptance=self._inner.target_acceptance,
            max_step_size=getattr(self._inner, "max_step_size", math.inf),
        )
        self._inner.step_size.assign(self._tuner.step_size)

    def _refuse_circles(self) -> None:
        if "circle" in getattr(self._learner.network, "base_kind", ()):
            raise ConfigurationError(
                '`kernel="stretch"` knows no angles; the model has circular '
                'coordinates. Use kernel="random_walk" or "t_pcn".'
            )


def with_kernel(settings: MoveSettings, kernel: Any) -> WalkSettings:
    """Return the settings of a move that walks in z.

    Its last fit comes before it freezes, so that the length of its steps can be found
    with the map that stays.

    Raises:
        ConfigurationError: There is no such kernel.
    """
    check_choice(kernel, name="kernel", choices=WALKS)
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    last = max(1, int(LAST_FIT * settings.num_adapt))
    earlier = [step for step in settings.fit_steps if step <= last // 2]
    return WalkSettings(**{**known, "fit_steps": (*earlier, last)}, kernel=kernel)
