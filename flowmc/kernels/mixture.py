"""One of several kernels at each step, drawn with fixed probabilities.

The draw looks at nothing but the seed, and is one for all chains: every chain by itself
then follows the mixture.  A choice that looked at the state would need a correction.

Reference: Tierney (1994), doi:10.1214/aos/1176325750, section 2.4.
"""

__all__ = ["Mixture", "MixtureInfo"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import generator, split
from flowmc.core.types import Array, Kernel, LogProbFn, Seed
from flowmc.kernels.composition import Composition
from flowmc.kernels.metropolis import MetropolisState

SUM_TOLERANCE = 1e-6


class MixtureInfo(NamedTuple):
    """Which kernel was drawn, and what it did."""

    is_accepted: Array  # [num_chains]
    log_accept_ratio: Array  # [num_chains]
    kernel: Array  # [], int32, its place in `kernels`
    tally: Any


@KERNELS.register("mixture")
class Mixture(Composition):
    """Step one of `kernels`, drawn anew at each step, the same for all chains.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.  The parts
            need none; one that has its own must have the same.
        kernels: The parts, composites among them if need be.
        probabilities: One for each part, positive, of sum 1; equal ones if None.

    Raises:
        ConfigurationError: No kernels, something that is no kernel, a kernel that
            carries more than positions from step to step, or probabilities that do
            not fit.
    """

    name = "mixture"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        kernels: Sequence[Kernel],
        probabilities: Sequence[float] | None = None,
    ) -> None:
        super().__init__(target_log_prob_fn=target_log_prob_fn, kernels=kernels)
        self.probabilities = _check(probabilities, number=len(self.kernels))
        self._thresholds = np.cumsum(self.probabilities)[:-1]

    def compose(
        self, state: MetropolisState, *, stepper: Any, seed: Seed
    ) -> tuple[MetropolisState, MixtureInfo]:
        """Draw a part and step it."""
        draw_seed, step_seed = split(seed, n=2)
        index = self._draw(state, seed=draw_seed)

        def branch(kernel):
            return lambda: self._advance(kernel, state, stepper=stepper, seed=step_seed)

        branches = [branch(kernel) for kernel in self.kernels]
        state, info = stepper.choose(index, branches)
        return state, MixtureInfo(
            info.is_accepted, info.log_accept_ratio, index, info.tally
        )

    def _draw(self, state: MetropolisState, *, seed: Seed) -> tf.Tensor:
        """Draw the place of a part; the state must have no say in it."""
        if tf.executing_eagerly():  # as for host targets: NumPy is ten times faster
            uniform = generator(np.asarray(seed)).random()
            return tf.constant(np.sum(uniform >= self._thresholds), tf.int32)
        uniform = tf.random.stateless_uniform([], seed, dtype=tf.float64)
        return tf.reduce_sum(tf.cast(uniform >= self._thresholds, tf.int32))


def _check(probabilities: Any, *, number: int) -> np.ndarray:
    if probabilities is None:
        probabilities = np.full(number, 1.0 / number)
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (number,):
        raise ConfigurationError(
            f"`probabilities` must hold one number for each of the {number} kernels; "
            f"got shape {list(values.shape)}."
        )
    total = values.sum()
    if not (values > 0.0).all() or not abs(total - 1.0) <= SUM_TOLERANCE:
        raise ConfigurationError(
            "`probabilities` must be positive and sum to 1; got "
            f"{values.tolist()}, which sum to {total:.6g}. Leave out kernels that are "
            "never to step."
        )
    return values / total
