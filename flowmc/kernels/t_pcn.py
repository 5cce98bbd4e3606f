"""Preconditioned Crank-Nicolson steps that keep a Student-t: large, gradient-free.

    x' = mu + sqrt(1 - rho^2) (x - mu) + rho L xi / sqrt(w),
    w ~ Gamma((nu + d) / 2, rate (nu + |L^-1 (x - mu)|^2) / 2)

The step leaves t_nu(mu, L L^T) invariant, so only the target's departure from that t is
left to accept/reject: best in a flow's latent space, and mild in high dimension.

Reference: Cotter et al. (2013), arXiv:1202.0709 (pCN); Kamatani (2014),
arXiv:1412.6231 (steps that keep a heavy-tailed density).
"""

__all__ = ["TPCN"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.arguments import (
    check_position,
    wrap,
)
from flowmc.kernels.drive import step_with
from flowmc.kernels.jitter import check_jitter, shrunk
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState, accept
from flowmc.kernels.reference import Reference
from flowmc.kernels.starts import starting_log_prob


@KERNELS.register("t_pcn")
class TPCN:
    """Step so that a t stays as it is; accept with pi(x') t(x) / [pi(x) t(x')].

    `step_size` is rho: 1 draws anew around `location` at a radius like the present one;
    small values make small steps.  Measured on normals with scales off by a factor
    exp(+-1/2), bananas and a t_5, the jump distance grows with rho up to 1 as long as a
    tenth or more of the proposals is accepted, so below about 10 dimensions rho should
    go to its limit.  Only in 30 does a smaller rho pay, for the radius: best where a
    fifth to three tenths are accepted.  Hence the target of a quarter.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        step_size: rho, in (0, 1]; a variable.
        degrees_of_freedom: nu of the t, a positive integer; None or infinity for a
            normal, which is right only if the target's tails are no heavier.
        location: mu `[d]`; 0 if None.  Given together with `scale_tril`.
        scale_tril: L `[d, d]`, lower triangular; the identity if None.
        circular: Which coordinates are angles, `[D]` of bool.  They have no part in
            the t (`d` counts the others): each takes a wrapped normal step of
            standard deviation `pi * step_size` on [-pi, pi).
        jitter: Each chain's rho is shrunk by a random factor from exp(-jitter) to 1.
    """

    name = "t_pcn"
    target_acceptance = 0.25
    max_step_size = 1.0

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        step_size: float = 0.5,
        degrees_of_freedom: int | float | None = 4,
        location: Any = None,
        scale_tril: Any = None,
        circular: Any = None,
        jitter: float = 0.0,
    ) -> None:
        self._jitter = check_jitter(jitter)
        if not 0.0 < step_size <= 1.0:
            raise ConfigurationError(
                f"`step_size` must lie in (0, 1]; got {step_size}. It is rho, the "
                "share of the new draw in each proposal."
            )
        if degrees_of_freedom in (None, math.inf):
            self._nu = None
        else:
            self._nu = check_positive_integer(
                degrees_of_freedom, name="degrees_of_freedom"
            )
        self._target_log_prob_fn = target_log_prob_fn
        self.step_size = tf.Variable(
            np.float64(step_size), trainable=False, name="step_size"
        )
        self._reference = Reference(
            location=location, scale_tril=scale_tril, circular=circular
        )

    @property
    def has_shape(self) -> bool:
        """Whether there is a reference that `adapt_shape` can replace."""
        return self._reference.is_shaped

    def adapt_shape(self, location: np.ndarray, scale_tril: np.ndarray) -> None:
        """Take over centre and shape of the draws so far."""
        self.fit(location=location, scale_tril=scale_tril)

    def fit(self, *, location: Any, scale_tril: Any) -> None:
        """Replace `location` `[d]` and `scale_tril` `[d, d]`, without a new trace.

        Raises:
            ConfigurationError: The kernel was built without, or they do not fit.
        """
        self._reference.fit(location, scale_tril)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        check_position(position, event_size=self._reference.event_size)
        return MetropolisState(position, log_prob, payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Ask for the proposals' log-densities."""
        reference, x = self._reference, state.position
        num_chains, size = x.shape
        num_squares = 0 if self._nu is None else self._nu + reference.num_ordinary(x)
        seed, size_seed = split(seed, n=2) if self._jitter else (seed, seed)
        normal = tf.random.stateless_normal(
            [num_chains, size + num_squares], seed, dtype=x.dtype
        )
        rho = tf.minimum(self.step_size, 1.0)
        rho = shrunk(rho, self._jitter, x, seed=size_seed)
        old = reference.whiten(x)
        fresh = reference.only_ordinary(normal[:, :size])
        if self._nu is not None:
            # w is a sum of nu + d squared normals, chi-square, over nu + |old|^2.
            chi_square = tf.reduce_sum(tf.square(normal[:, size:]), axis=-1)
            fresh *= tf.sqrt((self._nu + _square(old)) / chi_square)[:, None]
        new = tf.sqrt(1.0 - tf.square(rho)) * old + rho * fresh
        angles = wrap(x + math.pi * rho * normal[:, :size], reference.is_circle)
        points = reference.restore(new, angles=angles)
        log_t_ratio = self._log_t(old) - self._log_t(new)
        return Request(points, needs_gradient=False, carry=(state, points, log_t_ratio))

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Accept or reject."""
        state, points, log_t_ratio = carry
        proposed = MetropolisState(points, evaluation.log_prob, evaluation.payload)
        log_ratio = proposed.log_prob - state.log_prob + log_t_ratio
        return accept(state, proposed, log_ratio, seed=seed)

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _log_t(self, white: tf.Tensor) -> tf.Tensor:
        """Return the reference's log-density of whitened points, up to a constant."""
        if self._nu is None:
            return -0.5 * _square(white)
        power = 0.5 * (self._nu + self._reference.num_ordinary(white))
        return -power * tf.math.log1p(_square(white) / self._nu)


def _square(white: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(white), axis=-1)
