"""Iterated sampling-importance-resampling: choose among many draws and the present one.

    P(choose i) proportional to pi(x_i) / q(x_i),    i = 0 (present), 1, ..., N

Leaves the target invariant for any N; more proposals are one larger call of the target
and a better chance to move.  With N = 1 it is Barker's form of `independence`.  All
proposals come back scored in `info.path`, for importance-weighted estimates.

Reference: Andrieu, Lee and Vihola (2018), arXiv:1312.6432; Samsonov et al. (2022),
arXiv:2111.02702.
"""

__all__ = ["MultipleTry"]

from typing import Any

import numpy as np
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
from flowmc.kernels.independence import (
    IndependenceInfo,
    IndependencePath,
    IndependenceState,
)
from flowmc.kernels.starts import checked, starting_log_prob
from flowmc.kernels.tally import replace_bad


@KERNELS.register("multiple_try")
class MultipleTry:
    """Choose one of `num_proposals` draws of `model`, or stay.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        model: A normalized density with `log_prob` and `sample_and_log_prob`; wrap it
            with `flowmc.models.defensive` unless its tails are known to be safe.
        num_proposals: N, draws for each chain and step.

    Raises:
        ConfigurationError: The model has no tractable density.
    """

    name = "multiple_try"
    num_steps = 1  # states that a step makes of each chain

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: DensityModel,
        num_proposals: int = 8,
    ) -> None:
        if not isinstance(model, DensityModel):
            raise ConfigurationError(
                "`model` must have `log_prob` and `sample_and_log_prob`; got "
                f"{type(model).__name__}. For a VAE use `latent_independence`."
            )
        self._target_log_prob_fn = target_log_prob_fn
        self._model = model
        self.num_proposals = check_positive_integer(num_proposals, name="num_proposals")

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
        """Draw and score the proposals of all chains; ask for their densities."""
        num_chains = state.position.shape[0]
        points, log_q = self._model.sample_and_log_prob(
            self.num_proposals * num_chains, seed=seed
        )
        # The target never sees a point the model got wrong; a known good one instead.
        safe = tf.tile(state.position, [self.num_proposals, 1])
        points, log_q, defect = replace_bad(points, log_q, safe=safe)
        return Request(points, False, carry=(state, points, log_q), defect=defect)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[IndependenceState, IndependenceInfo]:
        """Choose with probability proportional to the weights."""
        state, points, log_q = carry
        proposed = IndependenceState(
            points,
            evaluation.log_prob,
            evaluation.payload,
            evaluation.log_prob - log_q,
        )
        # The present point is row 0, which a chain without any usable weight keeps.
        both = tf.nest.map_structure(_join, state, proposed)
        shape = [self.num_proposals + 1, state.position.shape[0]]
        log_weight = _usable(tf.reshape(both.log_weight, shape))
        row = _choose(log_weight, seed=seed)
        index = row * shape[1] + tf.range(shape[1])
        after = tf.nest.map_structure(lambda rows: tf.gather(rows, index), both)
        is_accepted = row > 0
        info = IndependenceInfo(
            is_accepted,
            _log_probability_to_move(log_weight),
            IndependencePath(
                position=after.position[None],
                log_prob=after.log_prob[None],
                is_accepted=is_accepted[None],
                proposal=self._by_proposal(points),
                proposal_log_prob=self._by_proposal(proposed.log_prob),
                proposal_log_weight=self._by_proposal(proposed.log_weight),
            ),
        )
        return after, info

    def step(
        self, state: IndependenceState, *, seed: Seed
    ) -> tuple[IndependenceState, IndependenceInfo]:
        """Take one step in every chain.

        Returns:
            The state, and the info with a `path` of one step and N proposals for each
            chain; `log_accept_ratio` is the log-probability of leaving.
        """
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _by_proposal(self, rows: tf.Tensor) -> tf.Tensor:
        shape = [self.num_proposals, rows.shape[0] // self.num_proposals]
        return tf.reshape(rows, [*shape, *rows.shape[1:]])


def _join(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.concat([first, second], axis=0)


def _usable(log_weight: tf.Tensor) -> tf.Tensor:
    """Count what is no weight as none."""
    dead = tf.constant(-np.inf, log_weight.dtype)
    return tf.where(tf.math.is_nan(log_weight), dead, log_weight)


def _choose(log_weight: tf.Tensor, *, seed: Seed) -> tf.Tensor:
    """Draw a row for each column of `[N + 1, n]` weights; row 0 if all are zero.

    The largest of the logarithms plus independent Gumbel noise.
    """
    uniform = tf.random.stateless_uniform(
        log_weight.shape, seed, dtype=log_weight.dtype
    )
    noise = -tf.math.log(-tf.math.log(uniform))
    return tf.argmax(_usable(log_weight + noise), axis=0, output_type=tf.int32)


def _log_probability_to_move(log_weight: tf.Tensor) -> tf.Tensor:
    """Return the log of the share of the weight that the proposals have."""
    largest = tf.reduce_max(log_weight, axis=0)
    # Where every weight is zero, or the present one infinite, the chain stays.
    can_move = tf.math.is_finite(largest)
    share = tf.exp(log_weight - tf.where(can_move, largest, 0.0))
    proposed = tf.reduce_sum(share[1:], axis=0)
    log_share = tf.math.log(proposed) - tf.math.log(share[0] + proposed)
    return tf.where(can_move, log_share, tf.constant(-np.inf, log_weight.dtype))
