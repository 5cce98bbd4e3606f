"""A loop over compiled steps: one XLA program, or a plain graph where XLA refuses."""

__all__ = ["Program"]

import logging
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowmc.sampling.space import Space

_logger = logging.getLogger(__name__)
_REFUSALS = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)


class Program:
    """A function of tensors, compiled at its first use.

    Args:
        function: Evaluates the target inside; its trip count is an argument.
        space: The target; it remembers whether XLA takes it, so that the user is told
            once.

    Attributes:
        compile_seconds: Wall time spent on compiling.
    """

    def __init__(self, function: Callable[..., Any], space: Space) -> None:
        self._function = function
        self._space = space
        self._compiled: Any = None
        self.compile_seconds = 0.0

    def prepare(self, *arguments: Any) -> None:
        """Compile by a call whose trip count is zero; later calls do nothing."""
        if self._compiled is not None:
            return
        started = time.perf_counter()
        self._compiled = self._build()
        try:
            self._compiled(*arguments)
        except _REFUSALS as error:
            if not self._space.takes_xla:
                raise
            _logger.warning(
                "XLA cannot compile this target; running it as a plain TensorFlow "
                "graph, which is slower. XLA said: %s",
                str(error).splitlines()[0],
            )
            self._space.takes_xla = False
            self._compiled = self._build()
            self._compiled(*arguments)
        self.compile_seconds = time.perf_counter() - started

    def __call__(self, *arguments: Any) -> Any:
        """Call the program that `prepare` made."""
        return self._compiled(*arguments)

    def _build(self) -> Any:
        return tf.function(
            self._function, jit_compile=self._space.takes_xla, autograph=False
        )
