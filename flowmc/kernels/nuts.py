"""The No-U-Turn sampler of TFP: trajectories that choose their own length.

Every chain of a batch waits for the longest trajectory among them.  With many chains in
a space that a flow has whitened, `hmc` with a tuned length is usually the better buy.

Reference: Hoffman and Gelman (2014), arXiv:1111.4246; Betancourt (2017),
arXiv:1701.02434.
"""

__all__ = ["NUTS"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import TargetError
from flowmc.core.registry import KERNELS
from flowmc.core.types import Array, LogProbFn, Seed
from flowmc.kernels.gradient_kernel import (
    GradientInfo,
    GradientKernel,
    GradientState,
)
from flowmc.kernels.starts import NO_GRADIENT
from flowmc.kernels.tally import HUGE, counted


@KERNELS.register("nuts")
class NUTS(GradientKernel):
    """Walk until the trajectory turns back; choose a point of it.

    A point of zero density, NaN among them, ends a trajectory and counts as a
    divergence.  Chains must start where the density is positive.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Length of a leapfrog step, a variable.
        max_tree_depth: Doublings at most; a trajectory has up to 2^depth - 1 steps.
        circular: Which coordinates are angles, wrapped to [-pi, pi) after each step.
    """

    name = "nuts"
    target_acceptance = 0.8

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.1,
        max_tree_depth: int = 10,
        circular: Sequence[bool] | None = None,
    ) -> None:
        super().__init__(
            target_log_prob_fn=target_log_prob_fn,
            step_size=step_size,
            circular=circular,
        )
        self._max_tree_depth = check_positive_integer(
            max_tree_depth, name="max_tree_depth"
        )

    @property
    def max_evaluations(self) -> int:
        """Most gradients of one step, for each chain."""
        return 2**self._max_tree_depth - 1

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> GradientState:
        """Build the state at `position` `[num_chains, D]`.

        Raises:
            TargetError: A chain starts at zero density, which NUTS cannot leave.
        """
        state = super().init(position, log_prob, payload=payload)
        if tf.executing_eagerly():
            outside = np.flatnonzero(np.isneginf(state.log_prob.numpy()))
            if outside.size:
                raise TargetError(
                    "NUTS must start where the density is positive; it is zero for "
                    f"{outside.size} chains, first for chain {outside[0]} at "
                    f"{state.position.numpy()[outside[0]].tolist()}. Start inside, or "
                    "use `hmc`, which can leave such a point."
                )
        return state

    def _move(self, state: GradientState, log_prob_fn: Callable, seed: Seed) -> tuple:
        dead = tf.constant(-np.inf, tf.float64)

        def clean_log_prob_fn(x):
            log_prob = log_prob_fn(x)
            return tf.where(log_prob < HUGE, log_prob, dead)

        step_size = self.step_size.read_value()
        kernel = tfp.mcmc.NoUTurnSampler(
            clean_log_prob_fn, step_size, max_tree_depth=self._max_tree_depth
        )
        before = _results(state, step_size, seed)
        position, after = kernel.one_step(state.position, before, seed=seed)
        gradient = after.grads_target_log_prob[0]
        moved = GradientState(position, after.target_log_prob, state.payload, gradient)
        has_no_gradient = tf.reduce_all(tf.equal(gradient, NO_GRADIENT), axis=-1)
        # Chains wait for the longest trajectory: that many gradients are computed.
        computed = tf.size(state.log_prob) * tf.reduce_max(after.leapfrogs_taken)
        tally = counted(
            position.shape[-1],
            gradient_calls=computed,
            nan_gradient=tf.reduce_sum(tf.cast(has_no_gradient, tf.int32)),
            divergences=tf.reduce_sum(tf.cast(after.has_divergence, tf.int32)),
        )
        info = GradientInfo(
            after.is_accepted,
            after.log_accept_ratio,
            after.leapfrogs_taken,
            after.has_divergence,
            tally,
        )
        return moved, info


def _results(state: GradientState, step_size: tf.Tensor, seed: Seed) -> Any:
    """Return what TFP's kernel wants to know of the step before."""
    blank = tf.zeros_like(state.log_prob)
    none = tf.zeros_like(blank, tf.bool)
    return tfp.mcmc.nuts.NUTSKernelResults(
        target_log_prob=state.log_prob,
        grads_target_log_prob=[state.gradient],
        step_size=step_size,
        log_accept_ratio=blank,
        leapfrogs_taken=tf.zeros_like(blank, tf.int32),
        is_accepted=none,
        reach_max_depth=none,
        has_divergence=none,
        energy=blank,
        seed=seed,
    )
