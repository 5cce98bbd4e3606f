"""Losses as TensorBoard scalars, one folder a fit.

Written with TensorFlow's own event writer, so that the `tensorboard` package is needed
only to look at them: `tensorboard --logdir FOLDER`.
"""

__all__ = ["NullScalars", "ScalarWriter", "make_scalars"]

import os
from typing import Any, Protocol

import tensorflow as tf

from flowmc.core.errors import TrainingError


class Scalars(Protocol):
    """Where a fit reports its losses to."""

    def write(self, step: int, **values: float) -> None:
        """Record named values after `step`."""

    def close(self) -> None:
        """Finish."""


class NullScalars:
    """Records nothing."""

    def write(self, step: int, **values: float) -> None:
        """Ignore the values."""

    def close(self) -> None:
        """Do nothing."""


class ScalarWriter:
    """Writes an event file into `folder`."""

    def __init__(self, folder: str | os.PathLike) -> None:
        try:
            self._writer = tf.summary.create_file_writer(os.fspath(folder))
            self._writer.flush()
        except tf.errors.OpError as error:
            raise TrainingError(
                "`tensorboard` must name a folder that can be written; got "
                f"{os.fspath(folder)!r} ({error.message})."
            ) from error
        # What TensorBoard's scalar page looks for; `tf.summary.scalar` would set it,
        # but needs the whole package to be installed.
        self._metadata = tf.compat.v1.SummaryMetadata()
        self._metadata.plugin_data.plugin_name = "scalars"

    def write(self, step: int, **values: float) -> None:
        """Record named values after `step`."""
        with self._writer.as_default():
            for name, value in values.items():
                tensor = tf.constant(value, tf.float32)
                tf.summary.write(name, tensor, step=step, metadata=self._metadata)

    def close(self) -> None:
        """Write out everything and close the file."""
        self._writer.close()


def make_scalars(folder: Any) -> Scalars:
    """Return a writer into `folder`, or one that does nothing for None."""
    return NullScalars() if folder is None else ScalarWriter(folder)
