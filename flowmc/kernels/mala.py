"""Metropolis-adjusted Langevin: one gradient step with noise, accepted or rejected.

The proposal is TFP's; the decision is the package's own.

Reference: Roberts and Tweedie (1996), doi:10.2307/3318418.
"""

__all__ = ["MALA"]

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Seed
from flowmc.kernels.gradient_kernel import GradientKernel, GradientState
from flowmc.kernels.trajectories import Proposed, judge


@KERNELS.register("mala")
class MALA(GradientKernel):
    """Propose `x' = x + step_size^2 / 2 * gradient + step_size * normal`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Standard deviation of the noise, a variable.
        circular: Which coordinates are angles, wrapped to [-pi, pi) after each step.
    """

    name = "mala"
    target_acceptance = (
        0.57  # Roberts and Rosenthal (1998), doi:10.1111/1467-9868.00123
    )

    def _move(self, state: GradientState, log_prob_fn: Callable, seed: Seed) -> tuple:
        noise_seed, accept_seed = split(seed, n=2)
        variance = tf.square(self.step_size.read_value())
        kernel = tfp.mcmc.UncalibratedLangevin(log_prob_fn, variance)
        drift = 0.5 * variance * state.gradient
        before = tfp.mcmc.langevin.UncalibratedLangevinKernelResults(
            grads_target_log_prob=[state.gradient],
            log_acceptance_correction=tf.zeros_like(state.log_prob),
            target_log_prob=state.log_prob,
            volatility=tf.ones([], tf.float64),
            grads_volatility=[tf.zeros_like(state.position)],
            diffusion_drift=[drift],
            seed=noise_seed,
        )
        position, after = kernel.one_step(state.position, before, seed=noise_seed)
        proposed = Proposed(
            position,
            after.target_log_prob,
            after.grads_target_log_prob[0],
            after.log_acceptance_correction,
            tf.constant(1),
        )
        return judge(state, proposed, seed=accept_seed)
