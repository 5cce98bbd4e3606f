"""Records of a run that cross rooms: training history, windows, cost, saved models.

All are frozen dataclasses of plain Python and NumPy values, so that `results` can store
and show them without TensorFlow.
"""

__all__ = ["Cost", "History", "SavedModel", "WeightedDraws", "WindowRecord"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class History:
    """What one call of `fit` did.

    Attributes:
        steps: Optimizer step after which each loss was recorded `[n]`.
        train_loss: Mean training loss since the previous record `[n]`.
        validation_loss: Held-out loss at the same steps `[n]`.
        best_step: Step whose weights were kept.
        best_loss: Held-out loss of those weights.
        baseline_loss: Held-out loss of the affine map on the same data, or None.
        stop_reason: One sentence.
        events: Sentences on rollbacks, non-finite losses and smaller rates.
        seconds: Wall time, compilation included.
    """

    steps: np.ndarray
    train_loss: np.ndarray
    validation_loss: np.ndarray
    best_step: int
    best_loss: float
    stop_reason: str
    baseline_loss: float | None = None
    events: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class WindowRecord:
    """One window of a run: what was sampled, learned, accepted.

    Attributes:
        name: Such as "anneal", "warmup 2", "production".
        model: Family name of the map in use.
        num_steps: Kernel steps taken.
        acceptance: Mean acceptance of each kernel.
        settings: Numbers in force, such as step sizes.
        notes: Sentences, such as the gate's decision.
        training: What `fit` did at the end of the window, or None.
    """

    name: str
    model: str
    num_steps: int
    acceptance: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    training: History | None = None


@dataclass(frozen=True, repr=False)
class Cost:
    """Ledger of a run; printed, it is one line of rounded numbers.

    Attributes:
        log_prob_calls: Points at which the log-density was evaluated.
        gradient_calls: Points at which its gradient was evaluated.
        seconds: Wall time by kind: compile, train, sample, target, total.
    """

    log_prob_calls: int = 0
    gradient_calls: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        spent = ", ".join(f"{kind} {time:,.1f}" for kind, time in self.seconds.items())
        return (
            f"Cost({self.log_prob_calls:,} log-density evaluations, "
            f"{self.gradient_calls:,} gradients; seconds: {spent or 'not known'})"
        )


@dataclass(frozen=True)
class WeightedDraws:
    """Independent scored proposals: an importance sample.

    Attributes:
        theta: `[n, D]`, points inside the support only.
        log_weight: `[n]`, log(target / proposal), unnormalized.
        num_proposals: All proposals made, zero-weight ones included.
    """

    theta: np.ndarray
    log_weight: np.ndarray
    num_proposals: int


@dataclass(frozen=True)
class SavedModel:
    """A model as JSON description plus named arrays; nothing is pickled."""

    description: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
