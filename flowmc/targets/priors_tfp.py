"""Priors written as a dict of scalar TensorFlow Probability distributions."""

__all__ = ["TfpPrior", "compiled_on_host", "in_float64", "support_of"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from flowmc.core.errors import TargetError
from flowmc.core.seeds import fold_in
from flowmc.core.types import LogProbFn, Seed


class TfpPrior:
    """Independent scalar distributions; evaluated in float64 where they can be.

    Args:
        parts: `{name: tfd.Distribution}`, each with scalar events and no batch.

    Raises:
        TargetError: A part is not scalar or not continuous.
    """

    def __init__(self, parts: Mapping[str, tfd.Distribution]) -> None:
        self.names = tuple(parts)
        for name, part in parts.items():
            check_scalar(part, name=name)
        self._parts = [in_float64(part) for part in parts.values()]
        self.bounds = np.array([support_of(part) for part in self._parts])
        self.notes = float32_notes(self.names, self._parts)
        self.graph_log_prob_fn: LogProbFn = self._graph_log_prob
        self._host_log_prob = compiled_on_host(self._graph_log_prob, len(parts))

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-density `[n, D] -> [n]`."""
        return self._host_log_prob(theta)

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws, determined by `seed`."""
        columns = [
            part.sample(n, seed=fold_in(seed, name))
            for name, part in zip(self.names, self._parts, strict=True)
        ]
        return np.stack([np.asarray(c, np.float64) for c in columns], axis=-1)

    def _graph_log_prob(self, theta: tf.Tensor) -> tf.Tensor:
        total = tf.zeros_like(theta[:, 0])
        for part, column in zip(self._parts, tf.unstack(theta, axis=-1), strict=True):
            value = part.log_prob(tf.cast(column, part.dtype))
            total += tf.cast(value, tf.float64)
        return total


def compiled_on_host(
    log_prob_fn: LogProbFn, event_size: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Return `log_prob_fn` as a NumPy function `[n, D] -> [n]`, traced once."""
    compiled = tf.function(
        log_prob_fn,
        autograph=False,
        input_signature=[tf.TensorSpec([None, event_size], tf.float64)],
    ).get_concrete_function()
    return lambda theta: compiled(tf.constant(theta, tf.float64)).numpy()


def check_scalar(part: tfd.Distribution, *, name: str) -> None:
    """Raise unless `part` is one continuous scalar."""
    if part.dtype.is_integer or part.dtype.is_bool:
        raise TargetError(
            f"`prior` must be continuous; `{name}` ({part.name}) draws "
            f"{part.dtype.name}. Sum discrete parameters out of the likelihood."
        )
    event, batch = part.event_shape, part.batch_shape
    if event.rank != 0 or batch.rank != 0:
        raise TargetError(
            f"`prior` needs one scalar distribution per parameter; `{name}` "
            f"({part.name}) has event shape {event} and batch shape {batch}. Give each "
            "component a name of its own."
        )


def support_of(part: tfd.Distribution) -> tuple[float, float]:
    """Return the interval a scalar distribution lives on, ends at infinity included.

    Found by sending both infinities through the distribution's own bijector; where it
    has none, the whole line is taken and the density decides.
    """
    try:
        bijector = part.experimental_default_event_space_bijector()
        ends = np.array([-np.inf, np.inf])
        images = [] if bijector is None else bijector.forward(tf.cast(ends, part.dtype))
        low, high = np.sort(np.asarray(images, np.float64))
    except Exception:
        return -np.inf, np.inf
    low = -np.inf if np.isnan(low) else low
    return float(low), float(np.inf if np.isnan(high) else high)


def float32_notes(names: Any, parts: Any) -> tuple[str, ...]:
    """Say which parts could not be brought to float64."""
    pairs = zip(names, parts, strict=True)
    single = [name for name, part in pairs if part.dtype != tf.float64]
    if not single:
        return ()
    return (
        f"The prior of {', '.join(single)} is computed in float32. Write its constants "
        "in float64, such as np.float64(1.0), to keep precision.",
    )


def in_float64(part: tfd.Distribution) -> tfd.Distribution:
    """Return `part` rebuilt with float64 parameters; as it is where that fails.

    TFP takes a Python float for float32, and 0.1 in float32 is another prior.
    """
    if part.dtype == tf.float64:
        return part
    try:
        rebuilt = _rebuilt(part)
        rebuilt.log_prob(rebuilt.sample(1, seed=(0, 0)))
    except Exception:
        return part
    return rebuilt if rebuilt.dtype == tf.float64 else part


def _rebuilt(part: tfd.Distribution) -> tfd.Distribution:
    arguments = {
        key: _in_float64(value)
        for key, value in part.parameters.items()
        if key != "parameters"
    }
    return type(part)(**arguments)


def _in_float64(value: Any) -> Any:
    if isinstance(value, tfd.Distribution):
        return _rebuilt(value)
    is_sequence = isinstance(value, list | tuple) and len(value) > 0
    if is_sequence and all(isinstance(item, tfd.Distribution) for item in value):
        return type(value)(_rebuilt(item) for item in value)
    untouched = (bool, str, tf.DType, tfb.Bijector)
    if value is None or isinstance(value, untouched) or callable(value):
        return value
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "fi" else value
