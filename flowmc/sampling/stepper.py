"""Take kernel steps inside compiled code, where a graph target lives.

The host's counterpart is in `host_stepper`; both run the same kernels.
"""

__all__ = ["GraphStepper", "Steps"]

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from flowmc.core.seeds import fold_in_step
from flowmc.core.types import Evaluation, Kernel, Request, Seed
from flowmc.kernels.drive import Inline
from flowmc.kernels.tally import add, empty

GraphLogProb = Callable[[tf.Tensor], tuple[tf.Tensor, Any]]  # x -> log_prob, payload


class Steps(NamedTuple):
    """What successive steps of one kernel left behind."""

    position: Any  # [num_steps, num_chains, D]
    log_prob: Any  # [num_steps, num_chains]
    is_accepted: Any  # [num_steps, num_chains]
    tally: Any  # of all steps together


class GraphStepper(Inline):
    """Evaluates inline; bad values count as zero density and enter the tally.

    Args:
        log_prob_fn: `x [n, D] -> (log_prob [n], payload)`.
    """

    def __init__(self, log_prob_fn: GraphLogProb) -> None:
        self._log_prob_fn = log_prob_fn
        super().__init__(self._evaluate_inline)

    def repeat(
        self, kernel: Kernel, state: Any, *, num_steps: int, seed: Seed
    ) -> tuple:
        """Take several steps in a compiled loop; return the state and the `Steps`."""
        blank = state.position
        kinds = (blank, state.log_prob, tf.zeros(blank.shape[:1], tf.bool))
        buffers = tuple(
            tf.TensorArray(t.dtype, num_steps, element_shape=t.shape) for t in kinds
        )

        def body(index, state, buffers, tally):
            state, info = self(kernel, state, seed=fold_in_step(seed, index))
            row = (state.position, state.log_prob, info.is_accepted)
            written = (b.write(index, r) for b, r in zip(buffers, row, strict=True))
            return index + 1, state, tuple(written), add(tally, info.tally)

        _, state, buffers, tally = tf.while_loop(
            lambda index, *_: index < num_steps,
            body,
            (tf.constant(0), state, buffers, empty(blank.shape[-1])),
        )
        return state, Steps(*(buffer.stack() for buffer in buffers), tally)

    def _evaluate_inline(self, request: Request) -> Evaluation:
        if not request.needs_gradient:
            log_prob, payload = self._log_prob_fn(request.points)
            return Evaluation(log_prob, None, payload)
        with tf.GradientTape() as tape:
            tape.watch(request.points)
            log_prob, payload = self._log_prob_fn(request.points)
        gradient = tape.gradient(
            log_prob, request.points, unconnected_gradients="zero"
        )
        return Evaluation(log_prob, gradient, payload)
