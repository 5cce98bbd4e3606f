"""Draws of a learned density, scored together with the walkers they may replace.

One compiled program draws in `x`, maps to theta, and scores proposals and walkers by
the same path (theta -> x -> density) with the same weights: nothing is ever stale, and
an inexact inverse cannot make the two disagree on what q is.

    log q(theta) = log q(x) - log|det dtheta/dx|,    x = inverse(theta)
"""

__all__ = ["CompiledProposal", "Scored"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import DensityModel
from flowmc.transforms.bounds import BoundsTransform


class Scored(NamedTuple):
    """Proposals, and log q of both ends of each jump; float64 on the host."""

    points: np.ndarray  # [n, D], theta
    log_q: np.ndarray  # [n], at `points`
    log_q_current: np.ndarray  # [n], at the walkers


class CompiledProposal:
    """Draws from `density` for all walkers at once.

    Args:
        density: A normalized density of `x`; its variables may change between calls.
        transform: The map `x -> theta`, or None where they are the same.
        device: TensorFlow device that holds the density's variables.
    """

    def __init__(
        self,
        density: DensityModel,
        *,
        transform: BoundsTransform | None,
        device: str,
    ) -> None:
        self._density = density
        self._transform = transform
        self._device = device
        self._compiled = tf.function(
            self._draw_and_score, jit_compile=True, autograph=False
        )
        self._programs: dict[tuple[int, ...], Any] = {}

    def draw_and_score(self, current: np.ndarray, *, seed: np.ndarray) -> Scored:
        """Draw one proposal for each walker `current` `[n, D]`; compiled once an n."""
        with tf.device(self._device):
            program = self._program(current.shape)
            outputs = program(tf.constant(current, tf.float64), tf.constant(seed))
        return Scored(*(tensor.numpy() for tensor in outputs))

    def _program(self, shape: tuple[int, ...]) -> Any:
        # Called directly, for looking a program up by its arguments' types takes a
        # fifth of the time of a whole step.
        if shape not in self._programs:
            self._programs[shape] = self._compiled.get_concrete_function(
                tf.TensorSpec(shape, tf.float64), tf.TensorSpec([2], tf.int32)
            )
        return self._programs[shape]

    def _draw_and_score(self, current: tf.Tensor, seed: tf.Tensor) -> tuple:
        num_walkers = current.shape[0]
        # Their log-density is not kept: the compiler drops what it would have cost.
        points, _ = self._density.sample_and_log_prob(num_walkers, seed=seed)
        if self._transform is not None:
            points, _ = self._transform.forward_and_log_det(points)
        log_q = self._log_prob(tf.concat([points, current], axis=0))
        return points, log_q[:num_walkers], log_q[num_walkers:]

    def _log_prob(self, theta: tf.Tensor) -> tf.Tensor:
        if self._transform is None:
            return self._density.log_prob(theta)
        x = self._transform.inverse(theta)
        _, log_det = self._transform.forward_and_log_det(x)
        return self._density.log_prob(x) - log_det
