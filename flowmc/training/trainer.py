"""The compiled step loop: many optimizer steps and one held-out loss per call.

One XLA program gathers mini-batches, differentiates, clips and steps, with Adam's
moments as its own state; Python sees only a loss every hundred steps.  A `Trainer`
lives as long as its model, so that refits neither retrace nor forget the moments.
"""

__all__ = ["Segment", "Trainer"]

import math
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.core.seeds import fold_in_step, split
from flowmc.core.types import Batch, Trainable
from flowmc.training.adam import Adam
from flowmc.training.data import PaddedDraws, TrainingData

FINAL_RATE = 0.02  # of the initial rate, where the cosine ends


class Segment(NamedTuple):
    """Which optimizer steps one call makes."""

    first_step: int
    num_steps: int
    total_steps: int
    learning_rate: float


class Trainer:
    """Moves one model's weights down one loss.

    Args:
        model: A model with trainable variables.
        loss: Name of a registered loss.
        batch_size: Points a step.
        clip_norm: Largest global norm of a gradient.
    """

    def __init__(
        self,
        model: Trainable,
        *,
        loss: str = "forward_kl",
        batch_size: int = 512,
        clip_norm: float = 10.0,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self._loss = LOSSES.get(loss)
        self.adam = Adam(model.trainable_variables, clip_norm=clip_norm)
        self._compiled = tf.function(
            self._run_segment, jit_compile=True, autograph=False, reduce_retracing=False
        )

    def run(self, data: TrainingData, segment: Segment, *, seed: Any) -> tuple:
        """Take the segment's steps; return training and held-out loss as floats."""
        train_loss, validation_loss = self._compiled(
            data,
            tf.constant(segment.first_step),
            tf.constant(segment.num_steps),
            tf.constant(segment.total_steps),
            tf.constant(segment.learning_rate, tf.float64),
            tf.constant(seed),
        )
        return float(train_loss), float(validation_loss)

    def _run_segment(self, data, first, count, total, rate, seed) -> tuple:
        train_seed, held_seed = split(seed, n=2)

        def body(index, loss_sum):
            step = first + index
            step_rate = rate * _cosine(step, total)
            loss = self._step(data.train, step_rate, fold_in_step(train_seed, step))
            return index + 1, loss_sum + loss

        zero = tf.constant(0.0, tf.float64)
        _, loss_sum = tf.while_loop(
            lambda index, _: index < count, body, (tf.constant(0), zero)
        )
        held = data.validation
        held_loss = self._loss(self.model, _whole(held), seed=held_seed)
        return loss_sum / tf.cast(tf.maximum(count, 1), tf.float64), held_loss

    def _step(self, draws: PaddedDraws, rate: tf.Tensor, seed: Any) -> tf.Tensor:
        batch_seed, loss_seed = split(seed, n=2)
        rows = tf.random.stateless_uniform(
            [self.batch_size], batch_seed, maxval=draws.count, dtype=tf.int32
        )
        batch = Batch(tf.gather(draws.x, rows), tf.gather(draws.weight, rows))
        with tf.GradientTape() as tape:
            loss = self._loss(self.model, batch, seed=loss_seed)
        gradients = tape.gradient(
            loss,
            self.model.trainable_variables,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        self.adam.apply(gradients, learning_rate=rate)
        return loss


def _cosine(step: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    part = tf.cast(step, tf.float64) / tf.cast(tf.maximum(total, 1), tf.float64)
    wave = 0.5 * (1.0 + tf.cos(math.pi * tf.minimum(part, 1.0)))
    return FINAL_RATE + (1.0 - FINAL_RATE) * wave


def _whole(draws: PaddedDraws) -> Batch:
    """All draws as one batch whose weights average to 1 over the padded rows."""
    rows = tf.cast(tf.shape(draws.x)[0], tf.float64)
    return Batch(draws.x, draws.weight * rows / tf.reduce_sum(draws.weight))
