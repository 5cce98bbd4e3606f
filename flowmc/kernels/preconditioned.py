"""Run any kernel in a model's base space, with the change of variables in one place.

    x = f(z),    log pi_z(z) = log pi(f(z)) + log|det df/dz|

A random walk or HMC that would need a step size for every direction of `x` needs one
number in `z`, where a fitted flow makes the target nearly a standard normal.

Reference: Hoffman et al. (2019), arXiv:1903.03704 (NeuTra); Parno and Marzouk (2018),
arXiv:1412.5492.
"""

__all__ = ["Preconditioned", "PreconditionedState"]

from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.types import (
    Array,
    Evaluation,
    Kernel,
    LogProbFn,
    Request,
    Seed,
    TransportModel,
)
from flowmc.kernels.drive import drive, evaluate_with, target_log_prob


class PreconditionedState(NamedTuple):
    """State in `x`, and the inner kernel's state in `z` as its cache."""

    position: Array  # [num_chains, D], x
    log_prob: Array  # [num_chains], of x
    inner: Any  # the inner kernel's state; its position is z

    @property
    def payload(self) -> Any:
        """The caller's payload; the inner kernel carries it beside `x`."""
        return self.inner.payload[2]


@KERNELS.register("preconditioned")
class Preconditioned:
    """The kernel `inner`, run on `z` and reported in `x`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]` of `x`; None if the caller evaluates.
        model: An exact map between `x` and `z`.
        inner: The kernel to run; it is never asked for its own target.

    Raises:
        ConfigurationError: The model is no exact map.
    """

    name = "preconditioned"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: TransportModel,
        inner: Kernel,
    ) -> None:
        if not isinstance(model, TransportModel):
            raise ConfigurationError(
                "`model` must map between x and z exactly (`forward_and_log_det`, "
                f"`inverse_and_log_det`); got {type(model).__name__}. For a VAE use "
                "`latent_walk` or `latent_hmc`."
            )
        self._target_log_prob_fn = target_log_prob_fn
        self._model = model
        self.inner = inner

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> PreconditionedState:
        """Build the state at `position`; call again whenever the model has learned."""
        position = tf.convert_to_tensor(position, dtype=tf.float64)
        if log_prob is None:
            log_prob = target_log_prob(self._target_log_prob_fn, position)
        z, inverse_log_det = self._model.inverse_and_log_det(position)
        carried = (position, log_prob, payload)
        inner = self.inner.init(z, log_prob - inverse_log_det, payload=carried)
        return PreconditionedState(position, log_prob, inner)

    def propose(self, state: PreconditionedState, *, seed: Seed) -> Request:
        """Pass the inner kernel's request on, mapped to `x`."""
        return self._translate(self.inner.propose(state.inner, seed=seed), state)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[PreconditionedState, Any] | Request:
        """Hand the answers to the inner kernel in its own coordinates."""
        inner_carry, points, log_det, usable, state = carry
        log_prob = tf.where(
            usable, evaluation.log_prob, tf.constant(-float("inf"), tf.float64)
        )
        carried = (points, log_prob, evaluation.payload)
        answer = Evaluation(log_prob + log_det, None, carried)
        outcome = self.inner.complete(inner_carry, answer, seed=seed)
        if isinstance(outcome, Request):
            return self._translate(outcome, state)
        inner, info = outcome
        position, log_prob, _ = inner.payload
        return PreconditionedState(position, log_prob, inner), info

    def step(
        self, state: PreconditionedState, *, seed: Seed
    ) -> tuple[PreconditionedState, Any]:
        """Take one step in every chain."""
        evaluate = evaluate_with(self._target_log_prob_fn)
        return drive(self, state, evaluate=evaluate, seed=seed)

    def _translate(self, request: Request, state: PreconditionedState) -> Request:
        points, log_det = self._model.forward_and_log_det(request.points)
        usable = tf.reduce_all(tf.math.is_finite(points), axis=-1)
        usable &= tf.math.is_finite(log_det)
        copies = points.shape[0] // state.position.shape[0]
        safe = tf.tile(state.position, [copies, 1])
        points = tf.where(usable[:, None], points, safe)
        log_det = tf.where(usable, log_det, 0.0)
        carry = (request.carry, points, log_det, usable, state)
        return Request(points, request.needs_gradient, carry)
