"""A user's TensorFlow function, brought to `[n, D] -> [n]` in float64.

Used by graph targets; whether a function is one is decided in `probe`.
"""

__all__ = ["GraphFunction"]

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowmc.core.errors import TargetError


class GraphFunction:
    """Float64 `theta [n, D] -> [n]` from a TensorFlow function.

    Args:
        function: Takes `[n, D]`, or `[D]` where `vectorized` is False.
        event_size: D.
        vectorized: What `function` takes.
        dtype: The type it computes in; float64 in and out whatever it is.
        label: Name of the function in messages.

    Raises:
        TargetError: It traces, but returns something other than real numbers.
        Exception: It does not trace: not a TensorFlow function of that type.
    """

    def __init__(
        self,
        function: Callable[[tf.Tensor], Any],
        *,
        event_size: int,
        vectorized: bool,
        dtype: tf.DType = tf.float64,
        label: str,
    ) -> None:
        self.dtype = dtype
        self._function = function
        self._label = label
        self._batched = self._numbers if vectorized else self._mapped
        shape = [None, event_size] if vectorized else [event_size]
        self._trace(self._numbers, shape)
        if not vectorized:
            self._trace(self._batched, [None, event_size])

    def __call__(self, theta: tf.Tensor) -> tf.Tensor:
        """Return the values, `[n, D] -> [n]`, uncounted and unchecked."""
        values = self.raw(theta)
        return tf.reshape(values, [tf.shape(theta)[0]])

    def raw(self, theta: tf.Tensor) -> tf.Tensor:
        """Return the function's result in float64, in the shape it has."""
        return tf.cast(self._batched(tf.cast(theta, self.dtype)), tf.float64)

    def _trace(self, function: Callable[[tf.Tensor], Any], shape: Any) -> None:
        signature = [tf.TensorSpec(shape, self.dtype)]
        traced = tf.function(function, autograph=False, input_signature=signature)
        traced.get_concrete_function()

    def _numbers(self, theta: tf.Tensor) -> tf.Tensor:
        result = self._function(theta)
        if result is None:
            raise TargetError(
                f"`{self._label}` must return numbers; got None. Add a `return`."
            )
        values = tf.convert_to_tensor(result)
        if not (values.dtype.is_floating or values.dtype.is_integer):
            raise TargetError(
                f"`{self._label}` must return real numbers; got a tensor of type "
                f"{values.dtype.name}."
            )
        return values

    def _mapped(self, theta: tf.Tensor) -> tf.Tensor:
        def one(point: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.cast(self._numbers(point), tf.float64), [])

        return tf.vectorized_map(one, theta, warn=False)
