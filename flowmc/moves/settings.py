"""Settings of a learning move, checked before anything runs."""

__all__ = ["MoveSettings", "check_settings", "fit_steps"]

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.checks import (
    check_choice,
    check_fraction,
    check_matrix,
    check_positive_integer,
)
from flowmc.core.errors import ConfigurationError
from flowmc.core.records import SavedModel
from flowmc.core.registry import MODELS
from flowmc.models.saving import from_saved, to_saved
from flowmc.sampling.settings import Schedule, TrainSettings

SOURCES = ("history", "complement")
FIRST_FIT = 8  # by default the first fit comes after this fraction of `num_adapt`


@dataclass(frozen=True)
class MoveSettings:
    """What a move was asked to do.

    Attributes:
        model: Name of a family, or a model as it was when the move was made.
        options: The family's own settings.
        num_adapt: Own steps after which the move freezes.
        fit_steps: Own steps after which it fits, in order.
        schedule: Settings of the learner.
        bounds: `[D, 2]`, or None.
        learn_from: "history", or "complement" for the present positions of the half
            of the walkers that is at rest.
    """

    model: str | SavedModel
    options: Mapping[str, Any] = field(default_factory=dict)
    num_adapt: int = 1000
    fit_steps: tuple[int, ...] = (1000,)
    schedule: Schedule = field(default_factory=Schedule)
    bounds: np.ndarray | None = None
    learn_from: str = "history"

    @property
    def is_exact(self) -> bool:
        """Whether every draw counts, from the first step on."""
        return self.learn_from == "complement"

    def describe(self) -> dict[str, Any]:
        """Return all of it as plain values: what a saved state belongs to."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        if not isinstance(self.model, str):
            known["model"] = dict(self.model.description)  # its weights may differ
        return known

    def make_model(self, event_size: int, *, seed: Any) -> Any:
        """Build the model to be trained."""
        if isinstance(self.model, str):
            return models.make(
                self.model, event_size=event_size, seed=seed, **self.options
            )
        return from_saved(self.model)


def check_settings(
    *,
    model: Any,
    options: Mapping[str, Any],
    num_adapt: int,
    defensive_weight: float = 0.1,
    train_every: int | None,
    bounds: Any,
    train: TrainSettings | None,
    learn_from: str = "history",
) -> MoveSettings:
    """Return the settings, or raise ConfigurationError with the first that is wrong."""
    check_positive_integer(num_adapt, name="num_adapt")
    check_fraction(defensive_weight, name="defensive_weight")
    if train_every is None:
        train_every = max(1, num_adapt // FIRST_FIT)
    check_positive_integer(train_every, name="train_every")
    return MoveSettings(
        model=_checked_model(model, options),
        options=dict(options),
        num_adapt=int(num_adapt),
        fit_steps=fit_steps(int(num_adapt), first=int(train_every)),
        schedule=Schedule(
            defensive_weight=defensive_weight, train=train or TrainSettings()
        ),
        bounds=None
        if bounds is None
        else check_matrix(bounds, name="bounds", event_size=2),
        learn_from=_checked_source(learn_from, model),
    )


def fit_steps(num_adapt: int, *, first: int) -> tuple[int, ...]:
    """Return own steps after which to fit: at doubling intervals, and at the end.

    No fit comes so late that the last one has less than half of the steps to itself.

    Example:
        >>> fit_steps(1000, first=125)
        (125, 250, 500, 1000)
    """
    steps = []
    while 2 * first <= num_adapt:
        steps.append(first)
        first *= 2
    return (*steps, num_adapt)


def _checked_source(learn_from: Any, model: Any) -> str:
    """Refuse to fit to half an ensemble, at every step, what needs training."""
    check_choice(learn_from, name="learn_from", choices=SOURCES)
    if learn_from == "complement" and not (
        isinstance(model, str) and model == "gaussian"
    ):
        raise ConfigurationError(
            '`learn_from="complement"` fits anew for each half of each step, which '
            'only the model "gaussian" can, in closed form; got '
            f'{getattr(model, "name", model)!r}. Use FlowMove("gaussian", '
            'learn_from="complement"), or learn_from="history".'
        )
    return learn_from


def _checked_model(model: Any, options: Mapping[str, Any]) -> str | SavedModel:
    """Refuse what no step could use, now rather than in the middle of a run."""
    if not isinstance(model, str):
        if options:
            raise ConfigurationError(
                "Options of a model that is built already cannot be changed; got "
                f"{sorted(options)}. Give the family's name instead of a model."
            )
        # A copy: moves train their own, on their own device.
        return to_saved(model)
    known = MODELS.get(model).option_names()
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigurationError(
            f"Options of the model `{model}` are: {', '.join(sorted(known))}; got "
            f"{', '.join(unknown)}."
        )
    return model
