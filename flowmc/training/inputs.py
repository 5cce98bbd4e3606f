"""What a fit works on: the draws, gradients and target function that its loss needs."""

__all__ = ["Inputs", "gather_inputs"]

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_matrix
from flowmc.core.errors import TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import LogProbFn
from flowmc.targets.target import Target
from flowmc.training.needs import needs_of


class Inputs(NamedTuple):
    """The draws `[n, D]` or None, gradients likewise, the target function or None."""

    draws: Any
    gradients: Any
    target_log_prob_fn: LogProbFn | None


def gather_inputs(loss: str, *, draws: Any, gradients: Any, target: Any) -> Inputs:
    """Collect what the registered `loss` needs; evaluate gradients if they are missing.

    Raises:
        TrainingError: Something it needs was not given.
    """
    what = needs_of(LOSSES.get(loss))
    if what == "target":
        return Inputs(draws, None, _graph_function(target, loss))
    if draws is None:
        raise TrainingError(f"The loss `{loss}` needs `draws` [n, D]; got none.")
    if what == "gradient" and gradients is None:
        gradients = _gradients(target, check_matrix(draws, name="draws"), loss)
    return Inputs(draws, gradients if what == "gradient" else None, None)


def _graph_function(target: Any, loss: str) -> LogProbFn:
    function = target.graph_log_prob_fn if isinstance(target, Target) else target
    if not callable(function):
        got = "a host target" if isinstance(target, Target) else repr(target)
        raise TrainingError(
            f"The loss `{loss}` needs `target`, a TensorFlow function [n, D] -> [n] or "
            f"a `Target` that runs in the graph; got {got}."
        )
    return function


def _gradients(target: Any, draws: np.ndarray, loss: str) -> np.ndarray:
    if isinstance(target, Target):
        return target.value_and_gradient(draws)[1]
    if not callable(target):
        raise TrainingError(
            f"The loss `{loss}` needs `gradients` [n, D] of the target's log-density "
            f"at the draws, or `target` to compute them; got {target!r}."
        )
    return _differentiate(target, draws)


def _differentiate(function: Callable[[Any], Any], draws: np.ndarray) -> np.ndarray:
    x = tf.constant(draws, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x).numpy()
