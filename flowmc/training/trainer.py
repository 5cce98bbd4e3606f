"""The compiled step loop: many optimizer steps and one held-out loss per call.

One XLA program gathers mini-batches, differentiates, clips and steps, with Adam's
moments as its own state; Python sees only a loss every hundred steps.  A `Trainer`
lives as long as its model, so that refits neither retrace nor forget the moments.
"""

__all__ = ["SEGMENT_STEPS", "Segment", "Trainer"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.core.seeds import fold_in, fold_in_step
from flowmc.core.types import Batch, LogProbFn, Trainable
from flowmc.training.adam import Adam
from flowmc.training.batches import shuffled_rows
from flowmc.training.data import PaddedDraws, TrainingData
from flowmc.training.needs import choose_loss, is_annealed
from flowmc.training.schedules import cosine

SEGMENT_STEPS = 100


class Segment(NamedTuple):
    """Which optimizer steps one call makes."""

    first_step: int
    num_steps: int
    total_steps: int
    learning_rate: float
    is_annealed: bool = True  # along a cosine over `total_steps`; else constant
    attempt: int = 0  # another one takes other batches


class Trainer:
    """Moves one model's weights down one loss.

    Args:
        model: A model with trainable variables.
        loss: Name of a registered loss; "auto" takes that of the model's kind.
        batch_size: Points a step.
        clip_norm: Largest global norm of a gradient.
        weight_decay: Share of the weight matrices taken off per unit of learning rate.
        target_log_prob_fn: For losses that evaluate the target: `[n, D] -> [n]`, in
            TensorFlow.

    Attributes:
        num_scored: Points at which steps and held-out losses were evaluated so far.
    """

    def __init__(
        self,
        model: Trainable,
        *,
        loss: str = "auto",
        batch_size: int = 256,
        clip_norm: float = 10.0,
        weight_decay: float = 0.1,
        target_log_prob_fn: LogProbFn | None = None,
    ) -> None:
        self.model = model
        self.loss = loss = choose_loss(loss, model)
        self.batch_size = batch_size
        self.num_scored = 0
        self._loss = LOSSES.get(loss)
        self._target_log_prob_fn = target_log_prob_fn
        self.adam = Adam(
            model.trainable_variables, clip_norm=clip_norm, weight_decay=weight_decay
        )
        self._compiled = tf.function(
            self._run_segment, jit_compile=True, autograph=False, reduce_retracing=False
        )

    @property
    def evaluates_target(self) -> bool:
        """Whether every point scored costs an evaluation of the target."""
        return self._target_log_prob_fn is not None

    def run(self, data: TrainingData, segment: Segment, *, seed: Any) -> tuple:
        """Take the segment's steps; return training and held-out loss as floats.

        The seed decides the batches, step by step, and the random numbers of the
        held-out loss, which are the same in every call with the same seed.
        """
        self.num_scored += segment.num_steps * self.batch_size
        self.num_scored += data.validation.x.shape[0]
        labels = (segment.first_step, segment.attempt)
        train_loss, validation_loss = self._compiled(
            data,
            tf.constant(self._rows(data, segment, fold_in(seed, "rows", *labels))),
            tf.constant(segment.num_steps),
            tf.constant(_rates(segment), tf.float64),
            tf.constant(fold_in(seed, "steps", *labels)),
            tf.constant(fold_in(seed, "held out")),
        )
        return float(train_loss), float(validation_loss)

    def held_out_loss(self, model: Any, data: TrainingData, *, seed: Any) -> float:
        """Return the held-out loss of any `model`, by the random numbers of `run`."""
        held_seed = tf.constant(fold_in(seed, "held out"))
        return float(self._loss(model, self._whole(data), seed=held_seed))

    def _rows(self, data: TrainingData, segment: Segment, seed: Any) -> np.ndarray:
        """Return a batch for every step that the program could take."""
        num_steps = _program_steps(segment)
        if not segment.num_steps:
            return np.zeros([num_steps, self.batch_size], dtype=np.int32)
        return shuffled_rows(
            int(data.train.count),
            num_steps=num_steps,
            batch_size=self.batch_size,
            seed=seed,
        )

    def _run_segment(self, data, rows, count, rates, train_seed, held_seed) -> tuple:
        def body(index, loss_sum):
            batch = self._batch(data, tf.gather(rows, index))
            seed = fold_in_step(train_seed, index)
            loss = self._step(batch, tf.gather(rates, index), seed)
            return index + 1, loss_sum + loss

        zero = tf.constant(0.0, tf.float64)
        _, loss_sum = tf.while_loop(
            lambda index, _: index < count, body, (tf.constant(0), zero)
        )
        held_loss = self._loss(self.model, self._whole(data), seed=held_seed)
        return loss_sum / tf.cast(tf.maximum(count, 1), tf.float64), held_loss

    def _step(self, batch: Batch, rate: tf.Tensor, seed: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = self._training_loss(self.model, batch, seed=seed)
        gradients = tape.gradient(
            loss,
            self.model.trainable_variables,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        self.adam.apply(gradients, learning_rate=rate)
        return loss

    def _training_loss(self, model: Any, batch: Batch, *, seed: Any) -> tf.Tensor:
        if not is_annealed(self._loss):
            return self._loss(model, batch, seed=seed)
        return self._loss(model, batch, seed=seed, step=self.adam.count)

    def _batch(self, data: TrainingData, rows: tf.Tensor) -> Batch:
        draws = data.train
        return Batch(
            tf.gather(draws.x, rows),
            tf.gather(draws.weight, rows),
            None if draws.gradient is None else tf.gather(draws.gradient, rows),
            data.scale_tril,
            self._target_log_prob_fn,
        )

    def _whole(self, data: TrainingData) -> Batch:
        """All held-out draws as one batch, weights averaging to 1 over padded rows."""
        held: PaddedDraws = data.validation
        rows = tf.cast(tf.shape(held.x)[0], tf.float64)
        weight = held.weight * rows / tf.reduce_sum(held.weight)
        return Batch(
            held.x, weight, held.gradient, data.scale_tril, self._target_log_prob_fn
        )


def _program_steps(segment: Segment) -> int:
    """Return the steps its program could take: one number for nearly all segments."""
    return max(1, -(-segment.num_steps // SEGMENT_STEPS)) * SEGMENT_STEPS


def _rates(segment: Segment) -> np.ndarray:
    steps = segment.first_step + np.arange(_program_steps(segment))
    share = cosine(steps, segment.total_steps) if segment.is_annealed else 1.0
    return segment.learning_rate * share * np.ones(len(steps))
