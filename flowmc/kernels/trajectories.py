"""Judge the end of a proposed trajectory: the accept/reject that HMC and MALA share."""

__all__ = ["Proposed", "judge"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.types import Array, Evaluation, Request, Seed
from flowmc.kernels.gradient_kernel import GradientInfo, GradientState
from flowmc.kernels.metropolis import accept
from flowmc.kernels.starts import NO_GRADIENT
from flowmc.kernels.tally import COUNTS, counted, screen

MAX_ENERGY_ERROR = 1000.0


class Proposed(NamedTuple):
    """End points, as a proposal left them."""

    position: Array  # [num_chains, D]
    log_prob: Array  # [num_chains]
    gradient: Array  # [num_chains, D]
    log_correction: Array  # [num_chains], of the proposal's own density
    num_leapfrog_steps: Array  # []


def judge(state: GradientState, proposed: Proposed, *, seed: Seed) -> tuple:
    """Accept or reject; count gradients, bad values and divergences.

    A trajectory that lost its way is a divergence and stays where it was: its position
    is not finite, or it has run off with an energy out of nowhere to where the target
    knows no value, which is no fault of the target's.
    """
    num_chains, event_size = proposed.position.shape
    is_finite = tf.reduce_all(tf.math.is_finite(proposed.position), axis=-1)
    is_bad = tf.math.is_nan(proposed.log_prob) | tf.equal(proposed.log_prob, np.inf)
    has_run_off = ~(proposed.log_correction > -MAX_ENERGY_ERROR)
    is_finite &= ~(is_bad & has_run_off)
    position = tf.where(is_finite[:, None], proposed.position, state.position)
    dead = tf.constant(-np.inf, tf.float64)
    log_prob = tf.where(is_finite, proposed.log_prob, dead)
    answer, tally = screen(Request(position, False, ()), Evaluation(log_prob))
    ratio = answer.log_prob - state.log_prob + proposed.log_correction
    ratio = tf.where(tf.equal(answer.log_prob, dead), dead, ratio)
    ended = GradientState(
        position, answer.log_prob, state.payload, _finite(proposed.gradient)
    )
    moved, decision = accept(state, ended, ratio, seed=seed)
    # Ending where the density is zero is no divergence: a target may have an edge.
    is_alive = tf.math.is_finite(answer.log_prob)
    is_divergent = ~is_finite | (is_alive & ~(ratio > -MAX_ENERGY_ERROR))
    has_no_gradient = tf.reduce_all(tf.equal(proposed.gradient, NO_GRADIENT), axis=-1)
    num_steps = tf.fill([num_chains], tf.cast(proposed.num_leapfrog_steps, tf.int32))
    counts = counted(
        event_size,
        gradient_calls=num_chains * proposed.num_leapfrog_steps,
        nan_gradient=_total(has_no_gradient & is_alive),
        divergences=_total(is_divergent),
    )
    # The screening counted its points as evaluations of their own; they are not.
    bad = tf.constant([name != "log_prob_calls" for name in COUNTS])
    screened = tf.where(bad, tally.counts, 0)
    tally = tally._replace(counts=screened + counts.counts)
    info = GradientInfo(
        decision.is_accepted, decision.log_accept_ratio, num_steps, is_divergent, tally
    )
    return moved, info


def _finite(gradient: Any) -> tf.Tensor:
    is_finite = tf.reduce_all(tf.math.is_finite(gradient), axis=-1)
    return tf.where(is_finite[:, None], gradient, NO_GRADIENT)


def _total(flags: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(flags, tf.int32))
