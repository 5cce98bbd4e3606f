"""Steps of many sizes: each chain's step is shrunk by a random factor of its own.

A chain in a place that its map fits badly is refused every step of the size that suits
all others; now and then a small one lets it move.  The factor does not depend on where
the chain is, so each size is an exact kernel and so is the choice among them.
"""

__all__ = ["check_jitter", "shrunk"]

from typing import Any

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Array, Seed


def check_jitter(jitter: Any) -> float:
    """Return `jitter` if it is a finite number, at least 0."""
    if not 0.0 <= jitter < float("inf"):
        raise ConfigurationError(
            f"`jitter` must be a finite number, at least 0; got {jitter}. Steps are "
            "shrunk by factors from exp(-jitter) to 1."
        )
    return float(jitter)


def shrunk(step_size: Array, jitter: float, position: Array, *, seed: Seed) -> Array:
    """Return a step size for each chain `[num_chains, 1]`, or the given one."""
    if not jitter:
        return step_size
    num_chains = tf.shape(position)[0]
    uniform = tf.random.stateless_uniform([num_chains, 1], seed, dtype=position.dtype)
    return step_size * tf.exp(-jitter * tf.square(uniform))
