"""Take kernel steps inside compiled code, where a graph target lives.

The host's counterpart is in `host_stepper`; both run the same kernels.
"""

__all__ = ["GraphStepper", "Steps", "step_record"]

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.seeds import fold_in_step
from flowmc.core.types import Evaluation, Kernel, Request, Seed
from flowmc.kernels.drive import Inline
from flowmc.kernels.tally import Tally, add, empty

GraphLogProb = Callable[[tf.Tensor], tuple[tf.Tensor, Any]]  # x -> log_prob, payload


class Steps(NamedTuple):
    """What successive steps of one kernel left behind."""

    columns: tuple  # what `record` keeps of a step, with a leading axis [num_steps]
    tally: Any  # of all steps together


def step_record(state: Any, info: Any) -> tuple:
    """Keep position, log-density, decisions and the mean acceptance probability."""
    ratio = tf.minimum(info.log_accept_ratio, 0.0)
    probability = tf.where(ratio <= 0.0, tf.exp(ratio), 0.0)  # NaN is a rejection
    mean = tf.reduce_mean(probability)
    return state.position, state.log_prob, info.is_accepted, mean


class GraphStepper(Inline):
    """Evaluates inline; bad values count as zero density and enter the tally.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`.
    """

    def __init__(self, log_prob_fn: GraphLogProb) -> None:
        self._log_prob_fn = log_prob_fn
        super().__init__(self._evaluate_inline)

    def add(self, first: Tally, second: Tally) -> Tally:
        """Return the tally of both."""
        return add(first, second)

    def repeat(
        self,
        kernel: Kernel,
        state: Any,
        *,
        num_steps: Any,
        seed: Seed,
        capacity: int | None = None,
    ) -> tuple:
        """Take several steps in a compiled loop; return the state and the `Steps`.

        Args:
            kernel: What steps.
            state: Its state.
            num_steps: Steps; a tensor if `capacity` is given.
            seed: Of all steps.
            capacity: Rows of the columns; those beyond `num_steps` are zero.
        """
        capacity = capacity or num_steps
        blank = state.position
        accepted = tf.zeros(blank.shape[:1], tf.bool)
        kinds = (blank, state.log_prob, accepted, tf.zeros([], tf.float64))
        buffers = tuple(
            tf.TensorArray(t.dtype, capacity, element_shape=t.shape) for t in kinds
        )

        def body(index, state, buffers, tally):
            state, info = self(kernel, state, seed=fold_in_step(seed, index))
            row = step_record(state, info)
            written = (b.write(index, r) for b, r in zip(buffers, row, strict=True))
            return index + 1, state, tuple(written), add(tally, info.tally)

        _, state, buffers, tally = tf.while_loop(
            lambda index, *_: index < num_steps,
            body,
            (tf.constant(0), state, buffers, empty(blank.shape[-1])),
        )
        return state, Steps(tuple(buffer.stack() for buffer in buffers), tally)

    def _evaluate_inline(self, request: Request) -> Evaluation:
        if not request.needs_gradient:
            log_prob, payload = self._log_prob_fn(request.points)
            return Evaluation(log_prob, None, payload)
        with tf.GradientTape() as tape:
            tape.watch(request.points)
            log_prob, payload = self._log_prob_fn(request.points)
        gradient = tape.gradient(log_prob, request.points, unconnected_gradients="zero")
        return Evaluation(log_prob, gradient, payload)
