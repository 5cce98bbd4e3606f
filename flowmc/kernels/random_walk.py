"""Random-walk Metropolis: a normal step, scaled by a number and a triangular matrix.

Works anywhere and needs no gradient; it is the local part of every mixture, usually run
in a flow's latent space where one step size fits all directions.

Reference: Metropolis et al. (1953), doi:10.1063/1.1699114.
"""

__all__ = ["RandomWalk"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.drive import drive, evaluate_with, target_log_prob
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState, accept


@KERNELS.register("random_walk")
class RandomWalk:
    """Propose `x' = x + step_size * scale_tril @ normal`.

    `step_size` and `scale_tril` are variables: a sampler adapts them in warm-up without
    retracing, and leaves them alone in production.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Length of the step in units of `scale_tril`.
        scale_tril: Lower triangular `[D, D]`; the identity if None.
    """

    name = "random_walk"
    target_acceptance = 0.3

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.5,
        scale_tril: Any = None,
    ) -> None:
        if not step_size > 0.0:
            raise ConfigurationError(f"`step_size` must be positive; got {step_size}.")
        self._target_log_prob_fn = target_log_prob_fn
        self.step_size = tf.Variable(
            np.float64(step_size), trainable=False, name="step_size"
        )
        self._scale_tril = None if scale_tril is None else tf.constant(scale_tril)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position = tf.convert_to_tensor(position, dtype=tf.float64)
        if log_prob is None:
            log_prob = target_log_prob(self._target_log_prob_fn, position)
        return MetropolisState(position, tf.convert_to_tensor(log_prob), payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Ask for the proposals' log-densities."""
        step = tf.random.stateless_normal(
            tf.shape(state.position), seed, dtype=state.position.dtype
        )
        if self._scale_tril is not None:
            step = step @ tf.transpose(self._scale_tril)
        points = state.position + self.step_size * step
        return Request(points, needs_gradient=False, carry=(state, points))

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Accept or reject; the proposal is symmetric."""
        state, points = carry
        proposed = MetropolisState(points, evaluation.log_prob, evaluation.payload)
        return accept(state, proposed, proposed.log_prob - state.log_prob, seed=seed)

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Take one step in every chain."""
        evaluate = evaluate_with(self._target_log_prob_fn)
        return drive(self, state, evaluate=evaluate, seed=seed)
