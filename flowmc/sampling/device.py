"""Where TensorFlow computes, and with which arithmetic, while densities are evaluated.

Tensor cores may round products to ten bits (TF32); log-densities do not survive that.
The switch is process-wide, so it is set around sampling and put back afterwards.  GPU
memory is taken as it is needed, not all at once, where that can still be chosen.
"""

__all__ = ["place"]

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError

DEVICES = ("auto", "cpu", "gpu")
STRATEGIES = (tf.distribute.MirroredStrategy, tf.distribute.OneDeviceStrategy)
_logger = logging.getLogger(__name__)
_told: set[str] = set()


@contextmanager
def place(device: Any, *, can_split: bool = False) -> Iterator[tuple[str, ...]]:
    """Run the body on `device`, with exact float32 products.

    Args:
        device: "auto" takes a GPU where there is one, else the CPU; a strategy names
            several devices, of which the body runs on the first.
        can_split: Whether the caller knows what to do with several devices.

    Yields:
        The names of the devices to use, the body's own first.

    Raises:
        ConfigurationError: "gpu" where there is none, or not a device at all.
    """
    _grow_memory()
    names = _choose(device, can_split=can_split)
    was_enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        with tf.device(names[0]):
            yield names
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)


def _choose(device: Any, *, can_split: bool) -> tuple[str, ...]:
    if isinstance(device, tf.distribute.Strategy) and can_split:
        return _devices_of(device)
    check_choice(device, name="device", choices=DEVICES)
    gpus = tf.config.list_logical_devices("GPU")
    if device == "gpu" and not gpus:
        raise ConfigurationError(
            '`device="gpu"` needs a GPU that TensorFlow sees; it sees none. Install '
            '`flowmc-tf[gpu]`, or use device="auto".'
        )
    return (gpus[0].name if gpus and device != "cpu" else "/CPU:0",)


def _devices_of(strategy: tf.distribute.Strategy) -> tuple[str, ...]:
    """Return the strategy's devices; chains never talk, so no more of it is needed."""
    if not isinstance(strategy, STRATEGIES):
        raise ConfigurationError(
            "A strategy given as `device` must hold devices of this process: "
            "tf.distribute.MirroredStrategy or OneDeviceStrategy; got "
            f"{type(strategy).__name__}. Run one `sample` with its own seed in each "
            "process instead."
        )
    if tf.distribute.has_strategy():
        raise ConfigurationError(
            "`device=strategy` must be used outside of `strategy.scope()`; a scope is "
            "open. Leave it before the call: the sampler needs no mirrored variables."
        )
    return tuple(strategy.extended.worker_devices)


def _grow_memory() -> None:
    """Let every GPU's memory grow; too late once TensorFlow has opened the GPUs."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except (RuntimeError, ValueError) as error:
            if gpu.name not in _told:
                _told.add(gpu.name)
                _logger.info(
                    "The memory of %s stays as TensorFlow set it up: %s",
                    gpu.name,
                    error,
                )
