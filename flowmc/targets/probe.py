"""Decide how a function runs, in the graph or on the host, by trying it.

A function that traces with symbolic float64 is a graph target, unless tracing has
frozen something: then its eager and its traced values differ and it runs on the host.
The same few evaluations show sums over the batch, noise and single precision.
"""

__all__ = ["Choice", "Probe", "choose_backend"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import LogProbError, TargetError
from flowmc.targets.graph_function import GraphFunction
from flowmc.targets.values import as_values

SIZES = (3, 2)  # two batch sizes: one alone may equal D
# Errors of the code itself; others may only mean "outside my domain".
PROGRAMMING_ERRORS = (AttributeError, IndexError, KeyError, NameError, TypeError)
QUANTIZATION = 1e-3  # nats; a float32 value of 16,000 is rounded by that much


@dataclass(frozen=True)
class Choice:
    """How a function runs.

    Attributes:
        backend: "tensorflow" or "numpy".
        graph_function: The traced function, or None on the host.
        reason: Why this backend, one clause.
        values: The function at the probe points `[3]`, or None if it raised there.
        notes: Sentences the user should read.
    """

    backend: str
    graph_function: GraphFunction | None
    reason: str
    values: np.ndarray | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """The function under test and what is known of it."""

    function: Callable[[Any], Any]
    host_function: Callable[[np.ndarray], np.ndarray]
    points: np.ndarray  # [3, D]
    vectorized: bool
    label: str
    allow_noisy: bool
    is_inside: bool  # the points are known to lie in the support


def choose_backend(probe: Probe, *, backend: str, host_only: str = "") -> Choice:
    """Return how the function of `probe` is to run.

    Args:
        probe: The function and the points to try it on.
        backend: "auto", "tensorflow" or "numpy".
        host_only: Why the graph is out of the question, or "".

    Raises:
        TargetError: The function gives the wrong shape or type, is noisy, couples the
            points of a batch, or is no TensorFlow function where one was demanded.
        LogProbError: It raises at points inside the support.
    """
    reason, choice = host_only, None
    if backend == "tensorflow" and host_only:
        raise TargetError(f'backend="tensorflow" is not possible: {host_only}.')
    if backend == "numpy":
        reason = reason or "as demanded"
    if not reason:
        choice, reason = _try_graph(probe)
    if backend == "tensorflow" and choice is None:
        raise TargetError(
            f'backend="tensorflow" needs a TensorFlow function; `{probe.label}` is '
            f'none: {reason}. Use TensorFlow operations throughout, or backend="numpy".'
        )
    return choice or _check_host(probe, reason=reason)


def _try_graph(probe: Probe) -> tuple[Choice | None, str]:
    """Return the graph choice, or None and the reason."""
    traced, error = None, ""
    for dtype in (tf.float64, tf.float32):
        try:
            traced = GraphFunction(
                probe.function,
                event_size=probe.points.shape[1],
                vectorized=probe.vectorized,
                dtype=dtype,
                label=probe.label,
            )
            break
        except TargetError:
            raise
        except Exception as caught:
            error = error or f"tracing raised {_first_line(caught)}"
    if traced is None:
        return None, error
    return _check_graph(probe, traced)


def _check_graph(probe: Probe, traced: GraphFunction) -> tuple[Choice | None, str]:
    compiled = tf.function(
        traced.raw,
        autograph=False,
        input_signature=[tf.TensorSpec([None, probe.points.shape[1]], tf.float64)],
    ).get_concrete_function()
    points = tf.constant(probe.points)
    try:
        runs = [_shaped(compiled(points[:n]), n, probe) for n in (*SIZES, 3)]
        eager = [_shaped(traced.raw(probe.points[:n]), n, probe) for n in (*SIZES, 3)]
    except TargetError:
        raise
    except Exception as error:
        return None, f"running it raised {_first_line(error)}"
    tolerance = 1e-8 if traced.dtype == tf.float64 else 1e-4
    _check_noise(probe, eager)
    _check_noise(probe, runs)
    if _agree(runs[0], runs[2], tolerance):  # a graph of live noise stays a graph
        if not _agree(eager[0], eager[2], tolerance):
            return None, "tracing froze its noise"
        if not _agree(eager[0], runs[0], tolerance):
            return None, "tracing froze Python state: traced values differ"
    notes = list(_precision_notes(runs[0], label=probe.label))
    if traced.dtype == tf.float32:
        notes.insert(
            0,
            f"`{probe.label}` computes in float32 only: it is called in float32 and "
            "its values are cast. Write its constants in float64 to keep precision.",
        )
    choice = Choice("tensorflow", traced, "it traces", runs[0], tuple(notes))
    return choice, ""


def _check_host(probe: Probe, *, reason: str) -> Choice:
    try:
        runs = [probe.host_function(probe.points[:n]) for n in SIZES]
        if not _agree(runs[0][:2], runs[1], 1e-6):
            runs.append(probe.host_function(probe.points))
            _check_noise(probe, runs)
    except LogProbError as error:
        if probe.is_inside or isinstance(error.__cause__, PROGRAMMING_ERRORS):
            raise
        return Choice("numpy", None, reason, None)
    notes = _precision_notes(runs[0], label=probe.label)
    return Choice("numpy", None, reason, runs[0], notes)


def _shaped(result: tf.Tensor, num_points: int, probe: Probe) -> np.ndarray:
    return as_values(result.numpy(), num_points=num_points, label=probe.label)


def _check_noise(probe: Probe, runs: list[np.ndarray]) -> None:
    """Compare values of three points, of the first two, and of the three again."""
    first, fewer, again = runs
    if probe.allow_noisy:
        return
    if not _agree(first, again, 1e-6):
        raise TargetError(
            f"`{probe.label}` must give the same value twice at the same points; it "
            f"gave {_listed(first)} and {_listed(again)}. Fix its random numbers, or "
            "pass allow_noisy=True and know that the result is then approximate."
        )
    if not _agree(first[:2], fewer, 1e-3):
        raise TargetError(
            f"`{probe.label}` must treat the points of a batch apart; two points gave "
            f"{_listed(first[:2])} in a batch of three and {_listed(fewer)} in a batch "
            "of two. Reduce over the last axis only."
        )


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: " + (text if len(text) < 80 else f"{text[:77]}...")


def _listed(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:.10g}" for value in values) + "]"


def _agree(first: np.ndarray, second: np.ndarray, tolerance: float) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.isclose(
            first, second, rtol=tolerance, atol=tolerance, equal_nan=True
        )
    return bool(close.all())


def _precision_notes(values: np.ndarray, *, label: str) -> tuple[str, ...]:
    """Warn where single precision rounds the density by more than it can bear."""
    values = values[np.isfinite(values)]
    if not len(values):
        return ()
    with np.errstate(over="ignore"):
        is_single = bool(np.all(values == values.astype(np.float32)))
    size = float(np.abs(values).max())
    has_fraction = bool(np.any(values != np.round(values)))
    step = size * 2.0**-24
    if not is_single or step <= QUANTIZATION or not (has_fraction or size >= 2.0**23):
        return ()
    return (
        f"`{label}` returns float32 values near {size:.3g}, rounded by about "
        f"{step:.1g}; compute it in float64 or subtract a constant.",
    )
