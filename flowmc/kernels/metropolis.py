"""The one accept/reject of the package, and the records Metropolis kernels share."""

__all__ = ["MetropolisInfo", "MetropolisState", "accept", "accept_with", "select"]

from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.types import Array, Seed


class MetropolisState(NamedTuple):
    """State of a kernel that needs no caches."""

    position: Array  # [num_chains, D]
    log_prob: Array  # [num_chains]
    payload: Any = ()  # nest of [num_chains, ...], follows the position


class MetropolisInfo(NamedTuple):
    """What one accept/reject did."""

    is_accepted: Array  # [num_chains], bool
    log_accept_ratio: Array  # [num_chains]
    tally: Any = ()  # of the whole step; entered by whoever drives the kernel


def accept(
    current: Any, proposed: Any, log_accept_ratio: Array, *, seed: Seed
) -> tuple[Any, MetropolisInfo]:
    """Keep `proposed` with probability `min(1, exp(log_accept_ratio))`, chain by chain.

    A NaN ratio is a rejection: the comparison below is false for it.  A ratio of +inf
    (a chain that started at zero density) is an acceptance.

    Args:
        current: Nest of `[num_chains, ...]` tensors.
        proposed: Nest of the same structure.
        log_accept_ratio: `[num_chains]`.
        seed: Stateless seed.

    Returns:
        The new state and the info.
    """
    log_uniform = tf.math.log(
        tf.random.stateless_uniform(
            tf.shape(log_accept_ratio), seed, dtype=log_accept_ratio.dtype
        )
    )
    return accept_with(current, proposed, log_accept_ratio, log_uniform)


def accept_with(
    current: Any, proposed: Any, log_accept_ratio: Array, log_uniform: Array
) -> tuple[Any, MetropolisInfo]:
    """The decision of `accept`, given the logarithms of its uniform numbers."""
    is_accepted = log_uniform < log_accept_ratio
    state = select(is_accepted, proposed, current)
    return state, MetropolisInfo(is_accepted, log_accept_ratio)


def select(condition: Array, if_true: Any, if_false: Any) -> Any:
    """Choose between two nests chain by chain."""

    def choose(first, second):
        extra = [1] * (first.shape.rank - 1)
        return tf.where(tf.reshape(condition, [-1, *extra]), first, second)

    return tf.nest.map_structure(choose, if_true, if_false)
