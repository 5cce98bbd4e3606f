"""Adam with global-norm clipping and weight decay, to run inside a compiled loop.

Keras optimizers keep Python-side state that does not survive a compiled `while_loop`;
here the moments are plain variables, so that a whole block of steps is one program and
a warm restart continues from the same moments.

Reference: Kingma and Ba (2015), arXiv:1412.6980; for the decay, Loshchilov and Hutter
(2019), arXiv:1711.05101.
"""

__all__ = ["Adam"]

from collections.abc import Sequence

import tensorflow as tf

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam(tf.Module):
    """Moves `variables` along clipped, rescaled gradients.

    Args:
        variables: Trainable variables of the model.
        clip_norm: Largest global norm of a gradient.
        weight_decay: Share of each weight matrix taken off per unit of learning rate;
            biases and other vectors are left alone.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        *,
        clip_norm: float,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(name="adam")
        self._variables = list(variables)
        self._clip_norm = clip_norm
        self._weight_decay = weight_decay
        self._count = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._first = [
            tf.Variable(tf.zeros_like(v), trainable=False) for v in variables
        ]
        self._second = [
            tf.Variable(tf.zeros_like(v), trainable=False) for v in variables
        ]

    def apply(
        self, gradients: Sequence[tf.Tensor], *, learning_rate: tf.Tensor
    ) -> None:
        """Take one step; called while the compiled loop is traced."""
        clipped, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        self._count.assign_add(1)
        count = tf.cast(self._count, tf.float64)
        rate = learning_rate * tf.sqrt(1.0 - BETA2**count) / (1.0 - BETA1**count)
        for variable, gradient, first, second in zip(
            self._variables, clipped, self._first, self._second, strict=True
        ):
            first.assign(BETA1 * first + (1.0 - BETA1) * gradient)
            second.assign(BETA2 * second + (1.0 - BETA2) * tf.square(gradient))
            step = tf.cast(rate, variable.dtype) * first / (tf.sqrt(second) + EPSILON)
            if self._weight_decay and variable.shape.rank > 1:
                share = tf.cast(self._weight_decay * learning_rate, variable.dtype)
                step += share * variable
            variable.assign_sub(step)

    @property
    def count(self) -> tf.Tensor:
        """Steps taken since the moments were last forgotten, a scalar int64."""
        return self._count.read_value()

    def reset(self) -> None:
        """Forget all moments."""
        for variable in (self._count, *self._first, *self._second):
            variable.assign(tf.zeros_like(variable))
