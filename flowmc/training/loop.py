"""Segments of compiled steps, one after another, until a fit is done.

Between segments Python looks at the held-out loss: it keeps the best weights, lowers
the rate, rolls back what is not finite, reports, and stops.
"""

__all__ = ["LoopSettings", "train"]

from typing import Any, NamedTuple

import numpy as np

from flowmc.core.progress import Progress
from flowmc.training.data import TrainingData
from flowmc.training.keeper import BestWeights
from flowmc.training.scalars import Scalars
from flowmc.training.schedules import Plateau
from flowmc.training.trainer import SEGMENT_STEPS, Segment, Trainer

MAX_ROLLBACKS = 4
ROLLBACK_FACTOR = 0.3
WORSE_NATS, WORSE_STEPS = 1.0, 300  # held-out loss above its best: learning by heart
SMALLEST_RATE = 1e-3  # of the initial rate, below which a plateau ends the fit


class LoopSettings(NamedTuple):
    """How long and how fast."""

    max_steps: int
    learning_rate: float
    schedule: str
    patience: int


def train(
    trainer: Trainer,
    data: TrainingData,
    keeper: BestWeights,
    settings: LoopSettings,
    *,
    seed: Any,
    bar: Progress,
    scalars: Scalars,
) -> None:
    """Run until the steps, the patience or the rollbacks are used up."""
    step, attempt, rate = 0, 0, settings.learning_rate
    plateau = Plateau(wait=max(settings.patience // 3, SEGMENT_STEPS))
    start = trainer.run(data, Segment(0, 0, 1, 0.0), seed=seed)[1]
    keeper.offer(0, start, start)
    while step < settings.max_steps:
        segment = Segment(
            step,
            min(SEGMENT_STEPS, settings.max_steps - step),
            settings.max_steps,
            rate,
            settings.schedule == "cosine",
            attempt,
        )
        losses = trainer.run(data, segment, seed=seed)
        if not np.isfinite(losses).all():
            attempt, rate = attempt + 1, rate * ROLLBACK_FACTOR
            keeper.roll_back(step, rate)
            trainer.adam.reset()
            if attempt > MAX_ROLLBACKS:
                keeper.stop(f"the loss stayed non-finite after {attempt} rollbacks")
                return
            continue
        step += segment.num_steps
        keeper.offer(step, *losses)
        _report(step, losses, rate, settings, bar, scalars)
        if settings.schedule == "plateau":
            rate = _lowered(plateau, step, losses[1], rate, keeper)
        if _is_over(step, rate, losses[1], keeper, settings):
            return
        if _is_vain(step, trainer, keeper, settings):
            return
    keeper.stop(f"all {settings.max_steps} steps were taken")


def _report(step, losses, rate, settings, bar: Progress, scalars: Scalars) -> None:
    train_loss, held_loss = losses
    stats = {"loss": train_loss, "held out": held_loss}
    bar.update("train", step, settings.max_steps, stats)
    scalars.write(
        step,
        **{
            "loss/training": train_loss,
            "loss/held_out": held_loss,
            "learning_rate": rate,
        },
    )


def _lowered(plateau: Plateau, step, held_loss, rate, keeper: BestWeights) -> float:
    factor = plateau.observe(step, held_loss)
    if factor < 1.0:
        keeper.note(
            f"no progress up to step {step}: learning rate lowered to "
            f"{rate * factor:.2g}"
        )
    return rate * factor


def _is_over(
    step: int, rate, held_loss, keeper: BestWeights, settings: LoopSettings
) -> bool:
    since = step - keeper.best_step
    if held_loss > keeper.best_loss + WORSE_NATS and since >= WORSE_STEPS:
        keeper.stop(
            f"the held-out loss was {held_loss - keeper.best_loss:.1f} nats above its "
            f"best, of step {keeper.best_step}: more steps learn the draws by heart"
        )
        return True
    if step - keeper.best_step >= settings.patience:
        keeper.stop(f"no smaller held-out loss for {settings.patience} steps")
        return True
    if rate < SMALLEST_RATE * settings.learning_rate:
        keeper.stop(f"the learning rate fell below {rate:.2g}")
        return True
    return False


def _is_vain(step: int, trainer: Trainer, keeper: BestWeights, settings) -> bool:
    """Whether a flow that began as the affine map has found nothing better."""
    to_beat, is_late = keeper.baseline_loss, step >= settings.max_steps // 3
    # Bounds on a density begin far from it, as does a base of the user's own.
    if to_beat is None or trainer.loss != "forward_kl" or not is_late:
        return False
    if keeper.best_loss < to_beat or getattr(trainer.model, "has_given_base", False):
        return False
    keeper.stop(f"no better than the baseline after {step} steps")
    return True
