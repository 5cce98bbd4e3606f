"""Fit a model to draws: whiten, train in compiled segments, keep the best weights.

Training on few draws overfits quickly, so a tenth is held out and the weights with the
smallest held-out loss are always the ones kept.  A non-finite loss rolls the weights
back and lowers the rate.
"""

__all__ = ["fit"]

import time
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_fraction, check_positive_integer
from flowmc.core.errors import TrainingError
from flowmc.core.progress import make_progress
from flowmc.core.records import History
from flowmc.core.seeds import fold_in, root_seed
from flowmc.core.types import DensityModel
from flowmc.training.data import TrainingData, prepare_data
from flowmc.training.keeper import BestWeights
from flowmc.training.trainer import Segment, Trainer

SEGMENT_STEPS = 100
MAX_ROLLBACKS = 4


def fit(
    model: Any,
    draws: Any = None,
    *,
    weights: Any = None,
    target: Any = None,
    loss: str = "forward_kl",
    batch_size: int = 512,
    learning_rate: float = 3e-3,
    max_steps: int = 5000,
    validation_fraction: float = 0.1,
    patience: int = 600,
    seed: Any = 0,
    progress: Any = False,
    whiten: bool = True,
    baseline: DensityModel | None = None,
    trainer: Trainer | None = None,
    capacity: int | None = None,
) -> History:
    """Fit `model` to draws, in place.

    Args:
        model: Any trainable model of `flowmc.models`.
        draws: `[n, D]`, finite.
        weights: `[n]` importance weights, or None.
        target: Reserved for losses that evaluate the target.
        loss: Name of a registered loss.
        batch_size: Points a step.
        learning_rate: Initial rate of Adam; a cosine lowers it over `max_steps`.
        max_steps: Most optimizer steps.
        validation_fraction: Share of the draws held out.
        patience: Steps without a smaller held-out loss after which to stop.
        seed: Integer or int32 pair; same seed, same weights.
        progress: False, True, or a callable.
        whiten: Fit the model's affine layer to the draws first.
        baseline: A model to score on the same held-out draws, for comparison.
        trainer: A `Trainer` of this model from an earlier call: warm restart.
        capacity: Rows to pad the training draws to, so that refits share one program.

    Returns:
        The training history; the model carries the best weights.

    Raises:
        TrainingError: Unusable draws, or a loss that stays non-finite.
    """
    started = time.perf_counter()
    if draws is None:
        raise TrainingError(f"The loss `{loss}` needs `draws` [n, D]; got none.")
    check_fraction(validation_fraction, name="validation_fraction")
    check_positive_integer(max_steps, name="max_steps")
    seed = root_seed(seed)
    data = prepare_data(
        draws,
        weights=weights,
        event_size=model.event_size,
        validation_fraction=validation_fraction,
        seed=seed,
        capacity=capacity,
    )
    notes = _whiten(model, data) if whiten else []
    keeper = BestWeights(model)
    if model.trainable_variables:
        trainer = trainer or Trainer(model, loss=loss, batch_size=batch_size)
        settings = Segment(0, SEGMENT_STEPS, max_steps, learning_rate)
        bar = make_progress(progress)
        try:
            _train(trainer, data, keeper, settings, patience, seed, bar)
        finally:
            keeper.restore()
            bar.close()
    else:
        keeper.close_form(_held_out_loss(model, data))
    base_loss = None if baseline is None else _held_out_loss(baseline, data)
    seconds = time.perf_counter() - started
    return keeper.history(baseline_loss=base_loss, notes=notes, seconds=seconds)


def _train(trainer, data, keeper, settings, patience, seed, bar) -> None:
    """Run segments until the steps, the patience or the rollbacks are used up."""
    step, rate, rollbacks = 0, settings.learning_rate, 0
    start = trainer.run(data, Segment(0, 0, 1, 0.0), seed=fold_in(seed, "start"))[1]
    keeper.offer(0, start, start)
    while step < settings.total_steps:
        count = min(settings.num_steps, settings.total_steps - step)
        segment = Segment(step, count, settings.total_steps, rate)
        seeds = fold_in(seed, "segment", rollbacks)
        train_loss, held_loss = trainer.run(data, segment, seed=seeds)
        if not (np.isfinite(train_loss) and np.isfinite(held_loss)):
            rollbacks += 1
            rate *= 0.3
            keeper.roll_back(step, rate)
            trainer.adam.reset()
            if rollbacks > MAX_ROLLBACKS:
                keeper.stop(f"the loss stayed non-finite after {rollbacks} rollbacks")
                return
            continue
        step += count
        keeper.offer(step, train_loss, held_loss)
        stats = {"loss": train_loss, "held out": held_loss}
        bar.update("train", step, settings.total_steps, stats)
        if step - keeper.best_step >= patience:
            keeper.stop(f"no smaller held-out loss for {patience} steps")
            return
    keeper.stop(f"all {settings.total_steps} steps were taken")


def _whiten(model: Any, data: TrainingData) -> list[str]:
    count = int(data.train.count)
    draws, weights = data.train.x.numpy()[:count], data.train.weight.numpy()[:count]
    note = model.fit_whitening(draws, weights=weights)
    return [note] if note else []


def _held_out_loss(model: DensityModel, data: TrainingData) -> float:
    held = data.validation
    log_prob = model.log_prob(held.x)
    total = tf.reduce_sum(held.weight)
    return float(-tf.reduce_sum(held.weight * log_prob) / total)
