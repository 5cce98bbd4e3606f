"""A NumPy target called from inside a TensorFlow graph, with its exceptions intact.

TensorFlow turns what a callback raises into an error of its own that keeps only the
text.  The original is put aside here, and raised again once the graph has returned.
"""

__all__ = ["Callback"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation, Request


class Callback:
    """Evaluates requests by calling Python.

    Args:
        log_prob_fn: `x [n, D] -> [n]` in NumPy.
        value_and_gradient_fn: `x [n, D] -> ([n], [n, D])` in NumPy, or None.
    """

    def __init__(
        self,
        log_prob_fn: Callable[[np.ndarray], np.ndarray],
        value_and_gradient_fn: Callable[[np.ndarray], tuple] | None = None,
    ) -> None:
        self._log_prob_fn = log_prob_fn
        self._value_and_gradient_fn = value_and_gradient_fn
        self._raised: BaseException | None = None

    def evaluate(self, request: Request) -> Evaluation:
        """Answer a request while a graph is traced."""
        points = request.points
        if not request.needs_gradient:
            log_prob = self._call(self._log_prob, points, [tf.float64])
            return Evaluation(tf.ensure_shape(log_prob[0], points.shape[:1]))
        outputs = self._call(self.value_and_gradient, points, [tf.float64, tf.float64])
        log_prob, gradient = outputs
        return Evaluation(
            tf.ensure_shape(log_prob, points.shape[:1]),
            tf.ensure_shape(gradient, points.shape),
        )

    def value_and_gradient(self, points: np.ndarray) -> tuple:
        """Return density and gradient in NumPy.

        Raises:
            ConfigurationError: The target has no gradient.
        """
        if self._value_and_gradient_fn is None:
            raise ConfigurationError(
                "A gradient kernel on a NumPy target needs its gradient. Give the "
                "target `value_and_gradient_fn`, write it in TensorFlow, or use a "
                "kernel without gradients: random_walk, t_pcn or elliptical_slice."
            )
        log_prob, gradient = self._value_and_gradient_fn(points)
        return np.asarray(log_prob, np.float64), np.asarray(gradient, np.float64)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Run a graph; raise what the target raised in it, as it was."""
        self._raised = None
        try:
            yield
        except tf.errors.OpError:
            if self._raised is None:
                raise
            raised, self._raised = self._raised, None
            raise raised from raised.__cause__

    def _log_prob(self, points: np.ndarray) -> tuple[np.ndarray]:
        return (np.asarray(self._log_prob_fn(points), np.float64),)

    def _call(self, function: Callable, points: Any, dtypes: list) -> Any:
        def guarded(array: np.ndarray) -> Any:
            try:
                return function(array)
            except BaseException as raised:
                self._raised = raised
                raise

        return tf.numpy_function(guarded, [points], dtypes, stateful=True)
