"""Keeps the best weights of a fit and the record of how they were found."""

__all__ = ["BestWeights"]

import math
from typing import Any

import numpy as np

from flowmc.training.history import TrainingHistory


class BestWeights:
    """Snapshot of the weights with the smallest held-out loss so far.

    Args:
        model: Model whose trainable variables are kept.

    Attributes:
        best_loss: The smallest held-out loss so far.
        best_step: The step it was found at.
        baseline_loss: The loss to beat, None if there is none.
    """

    def __init__(self, model: Any) -> None:
        self._variables = list(model.trainable_variables)
        self._best = [variable.numpy() for variable in self._variables]
        self.best_loss = math.inf
        self.best_step = 0
        self.baseline_loss: float | None = None
        self._records: list[tuple[int, float, float]] = []
        self._events: list[str] = []
        self._reason = "closed form: the model has no weights to train"

    def offer(self, step: int, train_loss: float, held_loss: float) -> None:
        """Record the losses after `step`; keep the weights if they are the best."""
        self._records.append((step, train_loss, held_loss))
        if held_loss < self.best_loss:
            self.best_loss, self.best_step = held_loss, step
            self._best = [variable.numpy() for variable in self._variables]

    def close_form(self, held_loss: float, *, reason: str = "") -> None:
        """Record the held-out loss of a model fitted without steps, and why it was."""
        self.offer(0, held_loss, held_loss)
        self._reason = reason or self._reason

    def roll_back(self, step: int, learning_rate: float) -> None:
        """Return to the best weights after a non-finite loss."""
        self.restore()
        self._events.append(
            f"non-finite loss after step {step}: weights of step {self.best_step} "
            f"restored, learning rate lowered to {learning_rate:.2g}"
        )

    def restore(self) -> None:
        """Write the best weights back."""
        for variable, value in zip(self._variables, self._best, strict=True):
            variable.assign(value)

    def note(self, sentence: str) -> None:
        """Add a sentence to the record."""
        self._events.append(sentence)

    def stop(self, reason: str) -> None:
        """Say why training ended."""
        self._reason = reason

    def history(self, *, notes, seconds) -> TrainingHistory:
        """Return the record of the fit."""
        steps, train, held = (
            np.array(column) for column in zip(*self._records, strict=True)
        )
        return TrainingHistory(
            steps=steps,
            train_loss=train,
            validation_loss=held,
            best_step=self.best_step,
            best_loss=self.best_loss,
            stop_reason=self._reason,
            baseline_loss=self.baseline_loss,
            events=(*notes, *self._events),
            seconds=seconds,
        )
