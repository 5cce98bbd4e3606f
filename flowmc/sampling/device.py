"""Where TensorFlow computes, and with which arithmetic, while densities are evaluated.

Tensor cores may round products to ten bits (TF32); log-densities do not survive that.
The switch is process-wide, so it is set around sampling and put back afterwards.
"""

__all__ = ["place"]

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError

DEVICES = ("auto", "cpu", "gpu")


@contextmanager
def place(device: str) -> Iterator[str]:
    """Run the body on `device`, with exact float32 products.

    Args:
        device: "auto" takes a GPU where there is one, else the CPU.

    Yields:
        The TensorFlow device name.

    Raises:
        ConfigurationError: "gpu" where there is none.
    """
    check_choice(device, name="device", choices=DEVICES)
    gpus = tf.config.list_logical_devices("GPU")
    if device == "gpu" and not gpus:
        raise ConfigurationError(
            '`device="gpu"` needs a GPU that TensorFlow sees; it sees none. Install '
            '`flowmc-tf[gpu]`, or use device="auto".'
        )
    chosen = gpus[0].name if gpus and device != "cpu" else "/CPU:0"
    was_enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        with tf.device(chosen):
            yield chosen
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)
