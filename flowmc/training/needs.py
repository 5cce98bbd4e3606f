"""What a loss needs beyond the model: draws, gradients at the draws, or the target.

A loss is a plain function `loss(model, batch, *, seed)`.  Its needs are an attribute,
so that `fit` can collect them, or name what is missing, before anything is compiled.
"""

__all__ = ["NEEDS", "needs", "needs_of"]

from collections.abc import Callable
from typing import Any

from flowmc.core.checks import check_choice
from flowmc.core.types import Loss

NEEDS = ("draws", "gradient", "target")


def needs(what: str) -> Callable[[Any], Any]:
    """Return a decorator that marks a loss as needing `what`, one of `NEEDS`."""
    check_choice(what, name="what", choices=NEEDS)

    def mark(loss: Any) -> Any:
        loss.needs = what
        return loss

    return mark


def needs_of(loss: Loss) -> str:
    """Return what `loss` needs; unmarked losses need draws."""
    return getattr(loss, "needs", "draws")
