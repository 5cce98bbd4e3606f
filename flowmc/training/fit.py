"""Fit a model to draws: whiten, train in compiled segments, keep the best weights.

Training on few draws overfits quickly, so a tenth is held out and the weights with the
smallest held-out loss are always the ones kept.  A non-finite loss rolls the weights
back and lowers the rate.
"""

__all__ = ["fit"]

import time
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_choice, check_fraction, check_positive_integer
from flowmc.core.errors import ConfigurationError, TrainingError
from flowmc.core.progress import make_progress
from flowmc.core.registry import LOSSES
from flowmc.core.seeds import root_seed
from flowmc.core.types import DensityModel
from flowmc.targets.target import Target
from flowmc.training.data import TrainingData
from flowmc.training.history import TrainingHistory
from flowmc.training.inputs import gather_inputs
from flowmc.training.keeper import BestWeights
from flowmc.training.loop import LoopSettings, train
from flowmc.training.needs import choose_loss, model_kind, needs_of
from flowmc.training.prepare import prepare
from flowmc.training.scalars import make_scalars
from flowmc.training.schedules import SCHEDULES
from flowmc.training.split import VALIDATION_FRACTION
from flowmc.training.trainer import Trainer


def fit(
    model: Any,
    draws: Any = None,
    *,
    weights: Any = None,
    target: Any = None,
    gradients: Any = None,
    loss: str = "auto",
    batch_size: int = 256,
    learning_rate: float = 1e-2,
    schedule: str = "cosine",
    weight_decay: float = 0.1,
    max_steps: int = 2000,
    validation_fraction: float = VALIDATION_FRACTION,
    split_by: Any = None,
    patience: int = 600,
    seed: Any = 0,
    progress: Any = False,
    tensorboard: Any = None,
    whiten: bool = True,
    baseline: DensityModel | None = None,
    trainer: Trainer | None = None,
    capacity: int | None = None,
) -> TrainingHistory:
    """Fit `model` to draws, or straight to a target, in place.

    Draws that do not span the space (fewer than dimensions, all alike, in a plane) get
    a shrunk affine map and an untrained network; `history.events` says so.

    Args:
        model: Any trainable model of `flowmc.models`.
        draws: `[n, D]`, finite; for losses that need none, whitening alone uses them.
        weights: `[n]` importance weights, or None.
        target: A `Target` or TensorFlow function `[n, D] -> [n]`, for losses that
            evaluate the target or its gradient.
        gradients: Of the target's log-density at the draws `[n, D]`, where a loss needs
            them; computed from `target` otherwise.
        loss: Name of a registered loss that fits the model; "auto" is `forward_kl`, and
            `iwae` for latent-variable models.
        batch_size: Points a step.
        learning_rate: Initial rate of Adam.
        schedule: "cosine": lower the rate over `max_steps`; "plateau": whenever the
            held-out loss has not fallen for a third of `patience`.
        weight_decay: Share of the weight matrices taken off per unit of learning rate.
        max_steps: Most optimizer steps.
        validation_fraction: Share of the draws held out.
        split_by: Group of each draw `[n]`, such as its ancestor; groups are held out
            whole.  Equal draws are one group in any case unless this is given.
        patience: Steps without a smaller held-out loss after which to stop.
        seed: Integer or int32 pair; same seed, same weights.
        progress: False, True, or a callable.
        tensorboard: Folder for TensorBoard scalars, or None.
        whiten: Fit the model's affine layer to the draws first.
        baseline: A model to score on the same held-out draws, for comparison; a fit
            that is no better after a third of its steps ends there.
        trainer: A `Trainer` of this model from an earlier call: warm restart, with the
            trainer's own loss, batch size, weight decay and target.
        capacity: Rows to pad the training draws to, so that refits share one program.

    Returns:
        The training history; the model carries the best weights.

    Raises:
        TrainingError: Unusable draws, or something the loss needs is missing.
        ConfigurationError: An option is out of range.
    """
    started = time.perf_counter()
    settings = _checked(max_steps, learning_rate, schedule, patience)
    _check_batches(batch_size, validation_fraction)
    loss, seed = choose_loss(loss, model), root_seed(seed)
    inputs = gather_inputs(loss, draws=draws, gradients=gradients, target=target)
    _check_others(trainer, baseline, model, loss)
    prepared = prepare(
        model,
        inputs,
        whiten=whiten,
        batch_size=trainer.batch_size if trainer else batch_size,
        weights=weights,
        validation_fraction=validation_fraction,
        split_by=split_by,
        capacity=capacity,
        seed=seed,
    )
    keeper, data = BestWeights(model), prepared.data
    is_network = bool(model.trainable_variables)
    if is_network and trainer is None:
        trainer = Trainer(
            model,
            loss=loss,
            batch_size=batch_size,
            weight_decay=weight_decay,
            target_log_prob_fn=inputs.target_log_prob_fn,
        )
    judge = partial(_held_out_loss, trainer=trainer, data=data, loss=loss, seed=seed)
    keeper.baseline_loss = None if baseline is None else judge(baseline)
    if trainer is not None and is_network and not prepared.objection:
        _run(trainer, data, keeper, settings, seed, progress, tensorboard, target)
    elif inputs.draws is None or inputs.target_log_prob_fn is not None:
        raise _no_weights(model, loss)
    else:
        keeper.close_form(judge(model), reason=prepared.objection)
    seconds = time.perf_counter() - started
    return keeper.history(notes=prepared.notes, seconds=seconds)


def _run(
    trainer: Trainer,
    data: TrainingData,
    keeper: BestWeights,
    settings: LoopSettings,
    seed: Any,
    progress: Any,
    tensorboard: Any,
    target: Any,
) -> None:
    """Train; whatever happens, leave the best weights in the model."""
    bar, scalars = make_progress(progress), make_scalars(tensorboard)
    before = trainer.num_scored
    try:
        train(trainer, data, keeper, settings, seed=seed, bar=bar, scalars=scalars)
    finally:
        keeper.restore()
        bar.close()
        scalars.close()
        if isinstance(target, Target) and trainer.evaluates_target:
            num_scored = trainer.num_scored - before
            target.count(num_scored, num_scored)


def _checked(
    max_steps: Any, learning_rate: Any, schedule: Any, patience: Any
) -> LoopSettings:
    if not (np.isfinite(learning_rate) and learning_rate > 0.0):
        raise ConfigurationError(
            f"`learning_rate` must be positive and finite; got {learning_rate!r}."
        )
    return LoopSettings(
        check_positive_integer(max_steps, name="max_steps"),
        float(learning_rate),
        check_choice(schedule, name="schedule", choices=SCHEDULES),
        check_positive_integer(patience, name="patience"),
    )


def _check_baseline(baseline: Any, model: Any, loss: str) -> None:
    if baseline is None or model_kind(baseline) == model_kind(model):
        return
    is_density = model_kind(baseline) == "density"
    if is_density and needs_of(LOSSES.get(loss)) == "draws":
        return  # scored exactly, beside the bound of a latent-variable model
    raise ConfigurationError(
        f"`baseline` must be scored by the loss `{loss}` too; a "
        f"{type(baseline).__name__} is not. Leave it out, or pass a model of the same "
        "kind."
    )


def _check_batches(batch_size: Any, validation_fraction: Any) -> None:
    check_positive_integer(batch_size, name="batch_size")
    check_fraction(validation_fraction, name="validation_fraction")


def _check_others(trainer: Any, baseline: Any, model: Any, loss: str) -> None:
    _check_baseline(baseline, model, loss)
    if trainer is None:
        return
    if trainer.model is not model or trainer.loss != loss:
        raise ConfigurationError(
            "`trainer` must be one of this model and this loss; it trains "
            f"{trainer.model!r} by `{trainer.loss}`. Make a new one, or give none."
        )


def _no_weights(model: Any, loss: str) -> TrainingError:
    return TrainingError(
        f"The loss `{loss}` needs a model with weights to train; `{model.name}` has "
        "none. Take a network family, such as `maf`."
    )


def _held_out_loss(
    model: Any, *, trainer: Trainer | None, data: TrainingData, loss: str, seed: Any
) -> float:
    """Score a model, or the baseline, on the held-out draws.

    A density is scored exactly wherever draws are all there is to it, so that it can be
    compared with the bound of a latent-variable model.
    """
    is_density = model_kind(model) == "density"
    if trainer is None or (is_density and needs_of(LOSSES.get(loss)) == "draws"):
        return _log_loss(model, data)
    return trainer.held_out_loss(model, data, seed=seed)


def _log_loss(model: DensityModel, data: TrainingData) -> float:
    held = data.validation
    log_prob = model.log_prob(held.x)
    total = tf.reduce_sum(held.weight)
    return float(-tf.reduce_sum(held.weight * log_prob) / total)
