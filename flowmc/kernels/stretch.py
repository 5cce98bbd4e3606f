"""The stretch move: chains move along lines through one another, nothing to tune.

    x' = c + z (x - c),   z ~ 1 / sqrt(z) on [1/a, a],   c another chain

The ensemble is cut in two halves; each moves in turn with the other at rest, so that
the product of the targets stays as it is.  Steps take the size and shape of what the
chains have spread over, whatever affine map is put before them: they reach where a
single step size fits nowhere, and cost no gradient.

Reference: Goodman and Weare (2010), doi:10.2140/camcos.2010.5.65; Foreman-Mackey et al.
(2013), arXiv:1202.3665 (two halves).
"""

__all__ = ["Stretch"]

import math
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.drive import step_with
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState, accept
from flowmc.kernels.starts import starting_log_prob


class _Half(NamedTuple):
    """What is known while one half of the chains waits for its answer."""

    state: MetropolisState  # of all chains
    points: Array  # [m, D], proposals of the half that moves
    log_factor: Array  # [m]
    seed: Seed  # of the other half
    first: Any  # MetropolisInfo of the first half, () before there is one


@KERNELS.register("stretch")
class Stretch:
    """Stretch each chain's distance to a random chain of the other half.

    Exact for the product of the chains' targets: each chain's draws follow the target,
    but chains are not independent of one another.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        scale: a, the largest factor, above 1.

    Raises:
        ConfigurationError: `scale` is not above 1, or there are too few chains.
    """

    name = "stretch"

    def __init__(
        self, *, target_log_prob_fn: LogProbFn | None = None, scale: float = 2.0
    ) -> None:
        if not (math.isfinite(scale) and scale > 1.0):
            raise ConfigurationError(
                f"`scale` must be a finite number above 1; got {scale!r}. The usual "
                "one is 2."
            )
        self._target_log_prob_fn = target_log_prob_fn
        self._scale = float(scale)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        num_chains, size = position.shape
        if num_chains is not None and num_chains < 2 * size:
            raise ConfigurationError(
                "The stretch move needs at least twice as many chains as dimensions, "
                f"or it may never leave a plane; got {num_chains} chains in {size} "
                "dimensions. Use more chains, or `t_pcn`."
            )
        return MetropolisState(position, log_prob, payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Ask for the first half's proposals."""
        own_seed, other_seed = split(seed, n=2)
        return self._ask(state, (), own_seed, other_seed)

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo] | Request:
        """Accept or reject one half; then ask for the other, or be done."""
        half: _Half = carry
        is_first = not isinstance(half.first, MetropolisInfo)
        mine, rest = _halves(half.state, is_first)
        proposed = MetropolisState(half.points, evaluation.log_prob, evaluation.payload)
        log_ratio = proposed.log_prob - mine.log_prob + half.log_factor
        moved, info = accept(mine, proposed, log_ratio, seed=seed)
        parts = (moved, rest) if is_first else (rest, moved)
        state = _join(*parts)
        if is_first:
            return self._ask(state, info, half.seed, half.seed)
        return state, _join(half.first, info)

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, MetropolisInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _ask(self, state: MetropolisState, first: Any, seed: Seed, later: Seed):
        """Propose for the half whose turn it is."""
        mine, rest = _halves(state, not isinstance(first, MetropolisInfo))
        x, others = mine.position, rest.position
        num_moving, size = x.shape
        uniform = tf.random.stateless_uniform([2, num_moving], seed, dtype=x.dtype)
        count = others.shape[0]
        chosen = tf.minimum(tf.cast(uniform[0] * count, tf.int32), count - 1)
        center = tf.gather(others, chosen)
        # The inverse of the distribution function of 1 / sqrt(z) on [1/a, a].
        a = self._scale
        z = tf.square(1.0 + (a - 1.0) * uniform[1]) / a
        points = center + z[:, None] * (x - center)
        log_factor = (size - 1.0) * tf.math.log(z)
        carry = _Half(state, points, log_factor, later, first)
        return Request(points, False, carry=carry)


def _halves(state: MetropolisState, is_first: bool) -> tuple[Any, Any]:
    """Return the half whose turn it is, and the other."""
    middle = state.position.shape[0] // 2
    low = tf.nest.map_structure(lambda tensor: tensor[:middle], state)
    high = tf.nest.map_structure(lambda tensor: tensor[middle:], state)
    return (low, high) if is_first else (high, low)


def _join(low: Any, high: Any) -> Any:
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), low, high)
