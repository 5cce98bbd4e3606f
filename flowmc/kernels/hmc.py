"""Hamiltonian Monte Carlo: leapfrog trajectories of jittered length.

The trajectory is TFP's; the decision is the package's own, so that a chain that starts
at zero density can leave it.  The number of leapfrog steps is drawn anew for each step,
one for all chains: a fixed one can return to where it began, for ever.

Reference: Neal (2011), arXiv:1206.1901; Hoffman, Radul and Sountsov (2021), PMLR 130
(the jitter).
"""

__all__ = ["HMC", "HMCInfo"]

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import fold_in_step, split
from flowmc.core.types import Array, LogProbFn, Seed
from flowmc.kernels.gradient_kernel import GradientKernel, GradientState
from flowmc.kernels.jitter import check_jitter
from flowmc.kernels.trajectories import Proposed, judge


class HMCInfo(NamedTuple):
    """What one step did, and whether its trajectory should have been longer."""

    is_accepted: Array  # [num_chains], bool
    log_accept_ratio: Array  # [num_chains]
    num_leapfrog_steps: Array  # [num_chains], int32
    is_divergent: Array  # [num_chains], bool
    tally: Any
    # [], positive where longer is better; 0 for a single chain, and while the kernel's
    # variable `is_adapting` is false
    length_slope: Array


@KERNELS.register("hmc")
class HMC(GradientKernel):
    """Propose the end of a trajectory through phase space.

    `step_size` and `trajectory_length` are variables: a sampler adapts them in warm-up
    and leaves them alone in production.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Length of a leapfrog step.
        trajectory_length: Longest time a trajectory takes; each step takes a uniform
            part of it, at least one leapfrog step.  The default, pi, is half a period
            of a standard normal: for targets whitened by a flow.
        max_leapfrog_steps: Most leapfrog steps of one trajectory.
        circular: Which coordinates are angles, wrapped to [-pi, pi) after each step.
        jitter: Each step's leapfrog steps, one size for all chains, are shrunk by a
            random factor from exp(-jitter) to 1; their number stays as it is.
    """

    name = "hmc"
    target_acceptance = 0.8

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.1,
        trajectory_length: float = math.pi,
        max_leapfrog_steps: int = 1024,
        circular: Sequence[bool] | None = None,
        jitter: float = 0.0,
    ) -> None:
        super().__init__(
            target_log_prob_fn=target_log_prob_fn,
            step_size=step_size,
            circular=circular,
        )
        self._jitter = check_jitter(jitter)
        if not trajectory_length > 0.0:
            raise ConfigurationError(
                f"`trajectory_length` must be positive; got {trajectory_length}."
            )
        self.trajectory_length = tf.Variable(
            np.float64(trajectory_length), trainable=False, name="trajectory_length"
        )
        # Frozen chains need no slope, and need not pay for it.
        self.is_adapting = tf.Variable(False, trainable=False, name="is_adapting")
        self.max_leapfrog_steps = check_positive_integer(
            max_leapfrog_steps, name="max_leapfrog_steps"
        )

    def _move(self, state: GradientState, log_prob_fn: Callable, seed: Seed) -> tuple:
        length_seed, momentum_seed, accept_seed = split(seed, n=3)
        # It depends on no chain, and so needs no correction.
        share = tf.random.stateless_uniform([], length_seed, dtype=tf.float64)
        num_steps, step_size = self._count_steps(share), self.step_size.read_value()
        if self._jitter:
            seed = fold_in_step(length_seed, 1)
            shrink = tf.square(tf.random.stateless_uniform([], seed, dtype=tf.float64))
            step_size *= tf.exp(-self._jitter * shrink)
        kernel = tfp.mcmc.UncalibratedHamiltonianMonteCarlo(
            log_prob_fn, step_size, num_steps
        )
        before = _results(state, seed=momentum_seed)
        position, after = kernel.one_step(state.position, before, seed=momentum_seed)
        proposed = Proposed(
            position,
            after.target_log_prob,
            after.grads_target_log_prob[0],
            after.log_acceptance_correction,
            num_steps,
        )
        moved, info = judge(state, proposed, seed=accept_seed)
        slope = tf.cond(
            self.is_adapting,
            lambda: self._slope(state, proposed, after.final_momentum[0], info, share),
            lambda: tf.zeros([], tf.float64),
        )
        return moved, HMCInfo(**info._asdict(), length_slope=slope)

    def _slope(self, state, proposed, momentum, info, share) -> tf.Tensor:
        """Return the slope of TFP's ChEES rate in the trajectory's length.

        Going on a little longer moves the end point along its momentum.
        """
        if state.position.shape[0] in (None, 1):
            return tf.zeros([], tf.float64)
        with tf.GradientTape() as tape:
            time = tf.zeros_like(state.log_prob)
            tape.watch(time)
            criterion = tfp.experimental.mcmc.chees_rate_criterion(
                state.position,
                proposed.position + time[:, None] * momentum,
                tf.exp(tf.minimum(info.log_accept_ratio, 0.0)),
                share * self.trajectory_length + self.step_size + time,
            )
        slopes = share * tape.gradient(criterion, time)
        weight = tf.exp(tf.minimum(info.log_accept_ratio, 0.0))
        is_sound = (weight > 1e-4) & tf.math.is_finite(slopes)
        weight = tf.where(is_sound, weight, 0.0)
        total = tf.reduce_sum(weight * tf.where(is_sound, slopes, 0.0))
        return total / (tf.reduce_sum(weight) + 1e-20)

    @property
    def max_evaluations(self) -> int:
        """Most gradients of one step with the present step size, for each chain."""
        return int(self._count_steps(tf.constant(1.0, tf.float64)))

    def _count_steps(self, share: tf.Tensor) -> tf.Tensor:
        """Return the number of leapfrog steps in a share of the longest trajectory."""
        wanted = tf.math.ceil(share * self.trajectory_length / self.step_size)
        limited = tf.clip_by_value(wanted, 1.0, np.float64(self.max_leapfrog_steps))
        return tf.cast(limited, tf.int32)


def _results(state: GradientState, *, seed: Seed) -> Any:
    """Return what TFP's kernel wants to know of the step before."""
    zeros = tf.zeros_like(state.log_prob)
    blank = tf.zeros_like(state.position)
    return tfp.mcmc.hmc.UncalibratedHamiltonianMonteCarloKernelResults(
        log_acceptance_correction=zeros,
        target_log_prob=state.log_prob,
        grads_target_log_prob=[state.gradient],
        initial_momentum=[blank],
        final_momentum=[blank],
        step_size=[],
        num_leapfrog_steps=[],
        seed=seed,
    )
