"""Preconditioned Crank-Nicolson steps in the codes and noise of a VAE.

    y' = sqrt(1 - rho^2) y + rho xi,    y = (u, e),    xi ~ N(0, I)

Fresh codes of the encoder, a step of codes and noise together, back to x.  The step
leaves N(0, I) invariant, which is what a perfect model makes of the target; what it is
not is left to accept/reject.  Gradient-free, and as the step shrinks always accepted.

Reference: Cotter et al. (2013), arXiv:1202.0709 (pCN).
"""

__all__ = ["LatentWalk"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.drive import step_with
from flowmc.kernels.latent_support import CodedModel, JointSpace, check_latent_model
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState, accept
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import replace_bad


@KERNELS.register("latent_walk")
class LatentWalk:
    """Step in codes and noise; accept with pi(x') c(y') N(y) / [pi(x) c(y) N(y')].

    c is the joint space's correction.

    Measured on perturbed models in 2, 8 and 20 dimensions, the jump distance is largest
    where a tenth to a third of the proposals is accepted, or at rho = 1 where more are.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        model: A latent-variable model.
        step_size: rho, in (0, 1]; a variable.  1 draws codes and noise anew.

    Raises:
        ConfigurationError: The model has no codes, or `step_size` is out of range.
    """

    name = "latent_walk"
    target_acceptance = 0.25
    max_step_size = 1.0

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: CodedModel,
        step_size: float = 0.5,
    ) -> None:
        check_latent_model(model, kernel=self.name, flow_kernel="preconditioned")
        if not 0.0 < step_size <= 1.0:
            raise ConfigurationError(
                f"`step_size` must lie in (0, 1]; got {step_size}. It is rho, the "
                "share of the new draw in each proposal."
            )
        self._target_log_prob_fn = target_log_prob_fn
        self._space = JointSpace(model)
        self.step_size = tf.Variable(
            np.float64(step_size), trainable=False, name="step_size"
        )

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        return MetropolisState(position, log_prob, payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Ask for the proposals' log-densities."""
        code_seed, step_seed = split(seed, n=2)
        old, old_correction = self._space.draw(state.position, seed=code_seed)
        fresh = tf.random.stateless_normal(old.shape, step_seed, dtype=tf.float64)
        rho = tf.minimum(self.step_size, 1.0)
        new = tf.sqrt(1.0 - tf.square(rho)) * old + rho * fresh
        points, new_correction = self._space.to_x(new)
        log_factor = new_correction - old_correction + _log_normal(old, over=new)
        points, log_factor, defect = replace_bad(
            points, log_factor, safe=state.position
        )
        return Request(points, False, carry=(state, points, log_factor), defect=defect)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Accept or reject."""
        state, points, log_factor = carry
        proposed = MetropolisState(points, evaluation.log_prob, evaluation.payload)
        log_ratio = proposed.log_prob - state.log_prob + log_factor
        return accept(state, proposed, log_ratio, seed=seed)

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)


def _log_normal(y: tf.Tensor, *, over: tf.Tensor) -> tf.Tensor:
    """Return log N(y) - log N(over) `[n]`."""
    return 0.5 * tf.reduce_sum(tf.square(over) - tf.square(y), axis=-1)
