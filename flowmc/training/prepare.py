"""From what the user gave to what a trainer takes: whitened model, split data."""

__all__ = ["Prepared", "prepare"]

from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.training.data import PaddedDraws, TrainingData, prepare_data
from flowmc.training.inputs import Inputs
from flowmc.training.units import find_units

HELD_OUT_DRAWS = 2048  # of the model, for losses that draw their own points


class Prepared(NamedTuple):
    """Data for a trainer, remarks for the history, and why not to train, or ""."""

    data: TrainingData
    notes: tuple[str, ...]
    objection: str


def prepare(
    model: Any, inputs: Inputs, *, whiten: bool, batch_size: int, **options: Any
) -> Prepared:
    """Check and split the draws, and fit the model's affine layer to them.

    Args:
        model: The model; its affine layer changes if `whiten`.
        inputs: From `gather_inputs`.
        whiten: Whether to fit the affine layer.
        batch_size: Points a step.
        **options: The remaining arguments of `prepare_data`.

    Raises:
        TrainingError: The draws are unusable.
    """
    if inputs.draws is None:
        return Prepared(_placeholder(model.event_size, batch_size), (), "")
    data = prepare_data(
        inputs.draws,
        event_size=model.event_size,
        gradients=inputs.gradients,
        **options,
    )
    notes = _whiten(model, data.train) if whiten else ()
    if inputs.target_log_prob_fn is not None:
        return Prepared(_placeholder(model.event_size, batch_size), notes, "")
    count = int(data.train.count)
    if count < batch_size:
        notes += (
            f"{count} draws to train on, fewer than the {batch_size} of a batch: each "
            "batch repeats them",
        )
    units = find_units(data.train)
    scale_tril = tf.constant(units.scale_tril, tf.float64)
    return Prepared(data._replace(scale_tril=scale_tril), notes, units.objection)


def _whiten(model: Any, draws: PaddedDraws) -> tuple[str, ...]:
    count = int(draws.count)
    x, weights = draws.x.numpy()[:count], draws.weight.numpy()[:count]
    note = model.fit_whitening(x, weights=weights)
    return (note,) if note else ()


def _placeholder(event_size: int, batch_size: int) -> TrainingData:
    """Return data without content, of the right shapes, for losses that draw points."""

    def blank(n: int) -> PaddedDraws:
        x = tf.zeros([n, event_size], tf.float64)
        return PaddedDraws(x, tf.ones([n], tf.float64), tf.constant(n))

    return TrainingData(blank(batch_size), blank(HELD_OUT_DRAWS))
