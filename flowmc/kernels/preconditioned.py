"""Run any kernel in a model's base space, with the change of variables in one place.

    x = f(z),    log pi_z(z) = log pi(f(z)) + log|det df/dz|

A random walk or HMC that would need a step size for every direction of `x` needs one
number in `z`, where a fitted flow makes the target nearly a standard normal.

Points that do not come back under the inverse have zero density for this kernel, where
it is and where it goes alike, so that the map is one-to-one wherever it is used.

Reference: Hoffman et al. (2019), arXiv:1903.03704 (NeuTra); Parno and Marzouk (2018),
arXiv:1412.5492.
"""

__all__ = ["Preconditioned", "PreconditionedState", "preconditioned"]

from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.types import (
    Array,
    CompositeKernel,
    Evaluation,
    Kernel,
    LogProbFn,
    Request,
    RequestKernel,
    Seed,
    TransportModel,
    WholeStepKernel,
)
from flowmc.kernels.change_of_variables import (
    MAX_ROUND_TRIP_ERROR,
    ChangeOfVariables,
)
from flowmc.kernels.drive import step_with
from flowmc.kernels.preconditioned_whole import PreconditionedWhole
from flowmc.kernels.starts import checked, starting_log_prob
from flowmc.kernels.tally import SOUND


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
def preconditioned(
    *,
    target_log_prob_fn: LogProbFn | None = None,
    model: TransportModel,
    inner: Kernel,
    max_round_trip_error: float | None = MAX_ROUND_TRIP_ERROR,
) -> Kernel:
    """Build the kernel `inner`, run on `z` and reported in `x`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]` of `x`; None if the caller evaluates.
        model: An exact map between `x` and `z`.
        inner: The kernel to run; it is never asked for its own target.
        max_round_trip_error: Largest difference between `z` and the inverse of its
            image, relative to `1 + |z|`, that counts as exact; None does not look.

    Raises:
        ConfigurationError: The model is no exact map, or `inner` is made of others.
    """
    if not isinstance(model, TransportModel):
        raise ConfigurationError(
            "`model` must map between x and z exactly (`forward_and_log_det`, "
            f"`inverse_and_log_det`); got {type(model).__name__}. For a VAE use "
            "`latent_walk` or `latent_hmc`."
        )
    if hasattr(inner, "check_agreement"):
        raise ConfigurationError(
            f"`inner` must step on the target it is given; {inner.name} brings its "
            "own. Use tfp.mcmc.TransformedTransitionKernel with `model.bijector`, and "
            "`flowmc.adapters.from_tfp` around it."
        )
    if isinstance(inner, CompositeKernel):
        raise ConfigurationError(
            f"`inner` must be a kernel of its own; got {type(inner).__name__}. Make "
            "each of its parts `preconditioned`, and compose those."
        )
    if max_round_trip_error is not None and not max_round_trip_error > 0.0:
        raise ConfigurationError(
            "`max_round_trip_error` must be positive, or None to leave the check out; "
            f"got {max_round_trip_error}."
        )
    change = ChangeOfVariables(model, max_round_trip_error=max_round_trip_error)
    kind = PreconditionedWhole if isinstance(inner, WholeStepKernel) else Preconditioned
    return kind(target_log_prob_fn=target_log_prob_fn, change=change, inner=inner)


class Preconditioned:
    """Passes the requests of `inner` on, mapped to `x`, and the answers back.

    Args:
        target_log_prob_fn: `[n, D] -> [n]` of `x`, or None.
        change: The map.
        inner: A kernel of requests.
    """

    name = "preconditioned"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None,
        change: ChangeOfVariables,
        inner: Any,
    ) -> None:
        self._target_log_prob_fn = target_log_prob_fn
        self._change = change
        self.inner: Any = inner
        self._check_inner(inner)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> PreconditionedState:
        """Build the state at `position`; call again whenever the model has learned."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        z, log_prob_z = self._change.to_latent(position, log_prob)
        carried = (position, log_prob, payload)
        inner = self.inner.init(z, log_prob_z, payload=carried)
        return checked(PreconditionedState(position, log_prob, inner))

    def propose(self, state: PreconditionedState, *, seed: Seed) -> Request:
        """Pass the inner kernel's request on, mapped to `x`."""
        return self._translate(self.inner.propose(state.inner, seed=seed), state)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[PreconditionedState, Any] | Request:
        """Hand the answers to the inner kernel in its own coordinates."""
        inner_carry, z, points, log_det, state = carry
        carried = (points, evaluation.log_prob, evaluation.payload)
        gradient = evaluation.gradient
        if gradient is not None:
            *_, pull_back = self._change.to_target_with_gradient(z, safe=points)
            gradient = pull_back(gradient)
        answer = Evaluation(evaluation.log_prob + log_det, gradient, carried)
        outcome = self.inner.complete(inner_carry, answer, seed=seed)
        if isinstance(outcome, Request):
            return self._translate(outcome, state)
        return self._outcome(*outcome)

    def finish(self, carry: Any) -> tuple[PreconditionedState, Any]:
        """Make the outcome of a series of requests."""
        return self._outcome(*self.inner.finish(carry[0]))

    def step(
        self, state: PreconditionedState, *, seed: Seed
    ) -> tuple[PreconditionedState, Any]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _outcome(self, inner: Any, info: Any) -> tuple[PreconditionedState, Any]:
        position, log_prob, _ = inner.payload
        return PreconditionedState(position, log_prob, inner), info

    def _translate(self, request: Request, state: PreconditionedState) -> Request:
        # A request may be for several points a chain, or for some of the chains only.
        num_points, num_chains = request.points.shape[0], state.position.shape[0]
        safe = tf.tile(state.position, [-(-num_points // num_chains), 1])[:num_points]
        points, log_det, defect = self._change.to_target(request.points, safe=safe)
        if request.defect is not None:
            defect = tf.where(request.defect == SOUND, defect, request.defect)
        # Whoever needs no gradient need not carry z.
        z = request.points if request.needs_gradient else ()
        carry = (request.carry, z, points, log_det, state)
        return request._replace(points=points, carry=carry, defect=defect)

    @staticmethod
    def _check_inner(inner: Any) -> None:
        if not isinstance(inner, RequestKernel):
            raise ConfigurationError(
                "`inner` must be a kernel, with `propose` and `complete` or "
                f"`whole_step`; got {type(inner).__name__}. Build one with "
                "`flowmc.kernels.make`."
            )
