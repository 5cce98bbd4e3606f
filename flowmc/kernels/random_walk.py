"""Random-walk Metropolis: a normal step, scaled by a number and a triangular matrix.

Works anywhere and needs no gradient; it is the local part of every mixture, usually run
in a flow's latent space where one step size fits all directions.

Reference: Metropolis et al. (1953), doi:10.1063/1.1699114; Haario, Saksman and Tamminen
(2001), doi:10.2307/3318737, for the matrix from draws.
"""

__all__ = ["RandomWalk"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.arguments import (
    check_circular,
    check_position,
    check_step_size,
    check_tril,
    wrap,
)
from flowmc.kernels.drive import step_with
from flowmc.kernels.jitter import check_jitter, shrunk
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState, accept
from flowmc.kernels.starts import starting_log_prob


@KERNELS.register("random_walk")
class RandomWalk:
    """Propose `x' = x + step_size * scale_tril @ normal`.

    `step_size` and `scale_tril` are variables: a sampler adapts them in warm-up without
    retracing (`kernel.step_size.assign`, `kernel.fit`), and leaves them alone in
    production.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: Length of the step in units of `scale_tril`.
        scale_tril: Lower triangular `[D, D]`; the identity, for good, if None.
        circular: Which coordinates are angles, `[D]` of bool: their steps are wrapped
            to [-pi, pi).  None if there are none.
        jitter: Each chain's step is shrunk by a random factor from exp(-jitter) to 1.

    Attributes:
        scale_tril: The matrix in force, a variable; None for the identity.
    """

    name = "random_walk"
    target_acceptance = 0.3

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.5,
        scale_tril: Any = None,
        circular: Any = None,
        jitter: float = 0.0,
    ) -> None:
        check_step_size(step_size)
        self._jitter = check_jitter(jitter)
        self._target_log_prob_fn = target_log_prob_fn
        self.step_size = tf.Variable(
            np.float64(step_size), trainable=False, name="step_size"
        )
        self._is_circle = check_circular(circular)
        size = None if self._is_circle is None else len(self._is_circle)
        self.scale_tril: tf.Variable | None = None
        if scale_tril is not None:
            scale_tril = check_tril(scale_tril, event_size=size)
            size = len(scale_tril)
            self.scale_tril = tf.Variable(
                scale_tril, trainable=False, name="scale_tril"
            )
        self._event_size = size

    @property
    def has_shape(self) -> bool:
        """Whether there is a matrix that `adapt_shape` can replace."""
        return self.scale_tril is not None and self._is_circle is None

    def adapt_shape(self, location: np.ndarray, scale_tril: np.ndarray) -> None:
        """Take over the shape of the draws so far; their centre does not matter."""
        self.fit(scale_tril=scale_tril)

    def fit(self, *, scale_tril: Any) -> None:
        """Replace the matrix; compiled code sees the new one.

        Raises:
            ConfigurationError: The kernel was built without one, or it does not fit.
        """
        if self.scale_tril is None:
            raise ConfigurationError(
                "The kernel must be built with `scale_tril` for it to be replaced; it "
                "was built without. Pass the identity, np.eye(D)."
            )
        self.scale_tril.assign(check_tril(scale_tril, event_size=self._event_size))

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        check_position(position, event_size=self._event_size)
        return MetropolisState(position, log_prob, payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Ask for the proposals' log-densities."""
        seed, size_seed = split(seed, n=2) if self._jitter else (seed, seed)
        size = shrunk(self.step_size, self._jitter, state.position, seed=size_seed)
        step = tf.random.stateless_normal(
            tf.shape(state.position), seed, dtype=state.position.dtype
        )
        if self.scale_tril is not None:
            step = tf.matmul(step, self.scale_tril, transpose_b=True)
        points = wrap(state.position + size * step, self._is_circle)
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
        return step_with(self, state, self._target_log_prob_fn, seed=seed)
