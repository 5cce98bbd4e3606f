"""What a loss needs: draws, gradients at the draws, or the target; and which model.

A loss is a plain function `loss(model, batch, *, seed)`.  Its needs are attributes, so
that `fit` can collect them, or name what is wrong, before anything is compiled.
"""

__all__ = [
    "MODEL_KINDS",
    "NEEDS",
    "choose_loss",
    "is_annealed",
    "model_kind",
    "needs",
    "needs_of",
]

from collections.abc import Callable
from typing import Any

from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import LOSSES
from flowmc.core.types import LatentModel, Loss

NEEDS = ("draws", "gradient", "target")
# What each kind of model is trained by unless the user says otherwise.
MODEL_KINDS = {"density": "forward_kl", "latent": "iwae"}


def needs(
    what: str, *, model: str = "density", annealed: bool = False
) -> Callable[[Any], Any]:
    """Return a decorator that marks what a loss needs.

    Args:
        what: One of `NEEDS`.
        model: "density" or "latent": the kind of model that it trains.
        annealed: Whether it also takes `step`, the optimizer steps so far; it is left
            out where the loss is to judge rather than to train.
    """
    check_choice(what, name="what", choices=NEEDS)
    check_choice(model, name="model", choices=MODEL_KINDS)

    def mark(loss: Any) -> Any:
        loss.needs, loss.model_kind, loss.is_annealed = what, model, annealed
        return loss

    return mark


def needs_of(loss: Loss) -> str:
    """Return what `loss` needs; unmarked losses need draws."""
    return getattr(loss, "needs", "draws")


def is_annealed(loss: Loss) -> bool:
    """Return whether `loss` takes the number of the step; unmarked ones do not."""
    return getattr(loss, "is_annealed", False)


def model_kind(model: Any) -> str:
    """Return "latent" for a latent-variable model, else "density"."""
    return "latent" if isinstance(model, LatentModel) else "density"


def choose_loss(name: str, model: Any) -> str:
    """Return the loss `name` if it trains this kind of model; resolve "auto".

    Raises:
        ConfigurationError: No such loss, or it is for the other kind of model.
    """
    kind = model_kind(model)
    if name == "auto":
        return MODEL_KINDS[kind]
    if _kind_of(name) == kind:
        return name
    fitting = [f"`{other}`" for other in LOSSES if _kind_of(other) == kind]
    nature = "a latent-variable model" if kind == "latent" else "a density"
    raise ConfigurationError(
        f"The loss must fit the model, which is {nature}; got `{name}`. Use one of "
        f"{', '.join(fitting)}."
    )


def _kind_of(name: str) -> str:
    return getattr(LOSSES.get(name), "model_kind", "density")
