"""Independence Metropolis-Hastings: propose from a model, wherever the chain is.

    log ratio = [log pi(x') - log q(x')] - [log pi(x) - log q(x)]

The proposals do not depend on the chains, so those of many successive steps are drawn,
scored and evaluated in one call; only accept/reject is sequential.  All proposals come
back scored in `info.path`, for importance-weighted estimates.

Reference: Tierney (1994), doi:10.1214/aos/1176325750; Gabrie, Rotskoff and
Vanden-Eijnden (2022), arXiv:2105.12603.
"""

__all__ = ["Independence", "IndependenceInfo", "IndependencePath", "IndependenceState"]

from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.types import (
    Array,
    DensityModel,
    Evaluation,
    LogProbFn,
    Request,
    Seed,
)
from flowmc.kernels.drive import step_with
from flowmc.kernels.metropolis import MetropolisInfo, accept_with
from flowmc.kernels.starts import checked, starting_log_prob
from flowmc.kernels.tally import replace_bad


class IndependenceState(NamedTuple):
    """Chain state; `log_weight` is a cache that `init` rebuilds after training."""

    position: Array  # [num_chains, D]
    log_prob: Array  # [num_chains]
    payload: Any  # nest of [num_chains, ...]
    log_weight: Array  # [num_chains], target minus model


class IndependencePath(NamedTuple):
    """Every sub-step of one block, and every scored proposal."""

    position: Array  # [num_steps, num_chains, D], states after each sub-step
    log_prob: Array  # [num_steps, num_chains]
    is_accepted: Array  # [num_steps, num_chains]
    proposal: Array  # [num_steps, num_chains, D]
    proposal_log_prob: Array  # [num_steps, num_chains]
    proposal_log_weight: Array  # [num_steps, num_chains], -inf where unusable


class IndependenceInfo(NamedTuple):
    """Outcome of the last sub-step, and the whole path."""

    is_accepted: Array  # [num_chains]
    log_accept_ratio: Array  # [num_chains]
    path: IndependencePath
    tally: Any = ()


@KERNELS.register("independence")
class Independence:
    """Accept or reject draws of `model`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        model: A normalized density with `log_prob` and `sample_and_log_prob`; wrap it
            with `flowmc.models.defensive` unless its tails are known to be safe.
        num_steps: Successive accept/reject steps made by one call of `step`.

    Raises:
        ConfigurationError: The model has no tractable density.
    """

    name = "independence"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: DensityModel,
        num_steps: int = 1,
    ) -> None:
        if not isinstance(model, DensityModel):
            raise ConfigurationError(
                "`model` must have `log_prob` and `sample_and_log_prob`; got "
                f"{type(model).__name__}. For a VAE use `latent_independence`."
            )
        self._target_log_prob_fn = target_log_prob_fn
        self._model = model
        self.num_steps = check_positive_integer(num_steps, name="num_steps")

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> IndependenceState:
        """Build the state at `position`; call again whenever the model has learned."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        log_weight = log_prob - self._model.log_prob(position)
        return checked(IndependenceState(position, log_prob, payload, log_weight))

    def propose(self, state: IndependenceState, *, seed: Seed) -> Request:
        """Draw and score the proposals of all sub-steps; ask for their densities."""
        num_chains = state.position.shape[0]
        points, log_q = self._model.sample_and_log_prob(
            self.num_steps * num_chains, seed=seed
        )
        # The target never sees a point the model got wrong; a known good one instead.
        safe = tf.tile(state.position, [self.num_steps, 1])
        points, log_q, defect = replace_bad(points, log_q, safe=safe)
        return Request(points, False, carry=(state, points, log_q), defect=defect)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[IndependenceState, IndependenceInfo]:
        """Run the accept/reject steps one after the other."""
        state, points, log_q = carry
        log_weight = evaluation.log_prob - log_q
        proposed = tf.nest.map_structure(
            self._by_step,
            IndependenceState(
                points, evaluation.log_prob, evaluation.payload, log_weight
            ),
        )
        state, path_states, infos = self._scan(state, proposed, seed=seed)
        path = IndependencePath(
            position=path_states.position,
            log_prob=path_states.log_prob,
            is_accepted=infos.is_accepted,
            proposal=proposed.position,
            proposal_log_prob=proposed.log_prob,
            proposal_log_weight=proposed.log_weight,
        )
        last = IndependenceInfo(infos.is_accepted[-1], infos.log_accept_ratio[-1], path)
        return state, last

    def step(
        self, state: IndependenceState, *, seed: Seed
    ) -> tuple[IndependenceState, IndependenceInfo]:
        """Take `num_steps` steps in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _by_step(self, tensor: tf.Tensor) -> tf.Tensor:
        shape = [self.num_steps, tensor.shape[0] // self.num_steps, *tensor.shape[1:]]
        return tf.reshape(tensor, shape)

    def _scan(self, state, proposed, *, seed: Seed) -> tuple:
        """Accept or reject sub-step by sub-step; the only sequential part."""
        shape = [self.num_steps, state.position.shape[0]]
        log_uniform = tf.math.log(
            tf.random.stateless_uniform(shape, seed, dtype=tf.float64)
        )

        def accept_one(previous, current):
            state, _ = previous
            candidate, log_u = current
            return accept_with(
                state, candidate, candidate.log_weight - state.log_weight, log_u
            )

        blank = MetropolisInfo(
            tf.zeros(shape[1:], tf.bool), tf.zeros_like(log_uniform[0])
        )
        states, infos = tf.scan(accept_one, (proposed, log_uniform), (state, blank))
        last = tf.nest.map_structure(lambda tensor: tensor[-1], states)
        return last, states, infos
