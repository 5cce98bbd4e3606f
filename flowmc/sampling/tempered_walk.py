"""Random-walk steps on a tempered target, compiled or on the host.

The target's own log-density travels with each point as its payload, so that reweighting
to the next temperature costs no evaluation.
"""

__all__ = ["Moved", "make_tempered_walk"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import fold_in_step
from flowmc.core.types import Kernel
from flowmc.kernels.tally import add, empty
from flowmc.sampling.faults import enter_tally
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.program import Program
from flowmc.sampling.space import Space
from flowmc.sampling.stepper import GraphStepper


class Moved(NamedTuple):
    """Particles after some steps."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], of the target, not tempered
    acceptance: float


class GraphTemperedWalk:
    """All steps of one temperature in one XLA program.

    Args:
        kernel: A preconditioned random walk.
        space: A graph target in `x`.
    """

    def __init__(self, kernel: Kernel, space: Space) -> None:
        self._kernel = kernel
        self._space = space
        self._beta = tf.Variable(np.float64(1.0), trainable=False)
        self._stepper = GraphStepper(self._tempered)
        self._program = Program(self._loop, space)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._program.compile_seconds

    def run(self, x, log_prob, *, inverse_temperature, num_steps, seed) -> Moved:
        """Move particles `[n, D]`; raise if the target gave a bad value."""
        self._beta.assign(inverse_temperature)
        x, log_prob = tf.constant(x), tf.constant(log_prob)
        seed = tf.constant(seed)
        self._program.prepare(x, log_prob, tf.constant(0), seed)
        outputs = self._program(x, log_prob, tf.constant(num_steps), seed)
        x, log_prob, accepted, tally = tf.nest.map_structure(np.asarray, outputs)
        enter_tally(tally, self._space)
        return Moved(x, log_prob, float(accepted) / max(num_steps, 1))

    def _loop(self, x, log_prob, num_steps, seed) -> tuple:
        tempered = self._temper(x, log_prob)
        state = self._stepper.init(self._kernel, x, tempered, log_prob)

        def body(index, state, accepted, tally):
            step_seed = fold_in_step(seed, index)
            state, info = self._stepper(self._kernel, state, seed=step_seed)
            share = tf.reduce_mean(tf.cast(info.is_accepted, tf.float64))
            return index + 1, state, accepted + share, add(tally, info.tally)

        zero = tf.constant(0.0, tf.float64)
        _, state, accepted, tally = tf.while_loop(
            lambda index, *_: index < num_steps,
            body,
            (tf.constant(0), state, zero, empty(self._space.event_size)),
        )
        return state.position, state.inner.payload[2], accepted, tally

    def _tempered(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_prob = self._space.graph_log_prob(x)
        return self._temper(x, log_prob), log_prob

    def _temper(self, x: tf.Tensor, log_prob: tf.Tensor) -> tf.Tensor:
        reference = self._space.graph_log_reference(x)
        tempered = (1.0 - self._beta) * reference + self._beta * log_prob
        # Where both are -inf a product with zero would be NaN.
        return tf.where(tf.equal(log_prob, -np.inf), log_prob, tempered)


class HostTemperedWalk:
    """The same with the target called from Python.

    Args:
        kernel: A preconditioned random walk.
        space: A host target in `x`.
    """

    def __init__(self, kernel: Kernel, space: Space) -> None:
        self._kernel = kernel
        self._space = space
        self._beta = 1.0
        self._stepper = HostStepper(self._tempered)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling the kernel's parts so far."""
        return self._stepper.compile_seconds

    def run(self, x, log_prob, *, inverse_temperature, num_steps, seed) -> Moved:
        """Move particles `[n, D]`."""
        self._beta = float(inverse_temperature)
        tempered = self._temper(x, log_prob)
        state = self._stepper.init(
            self._kernel, tf.constant(x), tf.constant(tempered), tf.constant(log_prob)
        )
        accepted = 0.0
        for index in range(num_steps):
            step_seed = fold_in_step(seed, index)
            state, info = self._stepper(self._kernel, state, seed=step_seed)
            accepted += float(np.mean(info.is_accepted.numpy()))
        position, log_prob = state.position.numpy(), state.inner.payload[2].numpy()
        return Moved(position, log_prob, accepted / max(num_steps, 1))

    def _tempered(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        log_prob = self._space.log_prob(x)
        return self._temper(x, log_prob), tf.constant(log_prob, tf.float64)

    def _temper(self, x: np.ndarray, log_prob: np.ndarray) -> np.ndarray:
        reference = self._space.log_reference(x)
        with np.errstate(invalid="ignore"):
            tempered = (1.0 - self._beta) * reference + self._beta * log_prob
        return np.where(np.isneginf(log_prob), log_prob, tempered)


def make_tempered_walk(kernel: Kernel, space: Space) -> Any:
    """Return the tempered walk that fits the target."""
    kind = GraphTemperedWalk if space.is_graph else HostTemperedWalk
    return kind(kernel, space)
