"""Priors written as a TensorFlow Probability joint distribution with scalar parts."""

__all__ = ["JointPrior"]

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import TargetError
from flowmc.core.seeds import root_seed
from flowmc.core.types import LogProbFn, Seed
from flowmc.targets.priors_tfp import (
    check_scalar,
    compiled_on_host,
    float32_notes,
    support_of,
)

NUM_SUPPORTS = 8  # draws whose conditional supports are compared


class JointPrior:
    """A joint distribution whose parts are scalars, possibly depending on one another.

    A bound that depends on other parameters is taken as infinite: the density itself
    is zero beyond it.

    Args:
        joint: The joint distribution; parts are named by its dict keys or fields.
        names: Names for the parts of a sequential joint; "x0", "x1" ... without.

    Raises:
        TargetError: A part is not scalar or not continuous.
    """

    def __init__(
        self, joint: tfd.JointDistribution, *, names: Sequence[str] | None = None
    ) -> None:
        self._joint = joint
        self._keys, self.names = _keys_and_names(joint.dtype, names)
        parts = [self._parts(index) for index in range(NUM_SUPPORTS)]
        for name, part in zip(self.names, parts[0], strict=True):
            check_scalar(part, name=name)
        self._dtypes = [part.dtype for part in parts[0]]
        self.notes = float32_notes(self.names, parts[0])
        self.bounds = _common_support(
            np.array([[support_of(part) for part in draw] for draw in parts])
        )
        self.graph_log_prob_fn: LogProbFn = self._graph_log_prob
        self._samplers: dict[int, Any] = {}
        self._host_log_prob = compiled_on_host(self._graph_log_prob, len(self.names))

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-density `[n, D] -> [n]`."""
        return self._host_log_prob(theta)

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws, determined by `seed`."""
        draws = self._sampler(n)(tf.constant(root_seed(seed)))
        return np.stack([np.asarray(c, np.float64) for c in self._flat(draws)], axis=-1)

    def _sampler(self, n: int) -> Any:
        """Return the traced sampler of `n` draws.

        Traced, because joints that batch themselves loop over the draws, slowly
        without; TFP warns of that loop.
        """
        if n not in self._samplers:
            traced = tf.function(
                lambda seed: self._joint.sample(n, seed=seed), autograph=False
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                signature = tf.TensorSpec([2], tf.int32)
                self._samplers[n] = traced.get_concrete_function(signature)
        return self._samplers[n]

    def _parts(self, index: int) -> list[tfd.Distribution]:
        parts, _ = self._joint.sample_distributions(seed=root_seed(index))
        return self._flat(parts)

    def _flat(self, structure: Any) -> list[Any]:
        if isinstance(structure, Mapping):
            return [structure[key] for key in self._keys]
        return list(structure)

    def _graph_log_prob(self, theta: tf.Tensor) -> tf.Tensor:
        columns = tf.unstack(theta, axis=-1)
        values = [
            tf.cast(column, dtype)
            for column, dtype in zip(columns, self._dtypes, strict=True)
        ]
        structure = tf.nest.pack_sequence_as(self._joint.dtype, values)
        if isinstance(self._joint.dtype, Mapping):
            # Packing sorts the keys of a dict; ours are in the joint's own order.
            structure = dict(zip(self._keys, values, strict=True))
        return tf.cast(self._joint.log_prob(structure), tf.float64)


def _keys_and_names(
    dtype: Any, names: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parts' keys and the parameters' names."""
    if isinstance(dtype, Mapping):
        keys = tuple(dtype)
    elif hasattr(dtype, "_fields"):
        keys = tuple(dtype._fields)
    elif isinstance(dtype, list | tuple):
        keys = tuple(f"x{index}" for index in range(len(dtype)))
        if names is not None and len(names) == len(keys):
            return keys, tuple(names)
    else:
        raise TargetError(
            "`prior` must be a joint distribution of named or listed scalars; got "
            f"parts of type {dtype!r}."
        )
    if any(not isinstance(part, tf.DType) for part in tf.nest.flatten(dtype)):
        raise TargetError("`prior` must be a flat joint distribution of scalars.")
    if len(tf.nest.flatten(dtype)) != len(keys):
        raise TargetError("`prior` must not nest joint distributions; flatten it.")
    return keys, keys


def _common_support(supports: np.ndarray) -> np.ndarray:
    """Return `[D, 2]` bounds from conditional ones `[draws, D, 2]`."""
    is_fixed = (supports == supports[0]).all(axis=0)
    everywhere = np.array([-np.inf, np.inf])
    return np.where(is_fixed, supports[0], everywhere)
