"""Checks from draws: of chains, of weighted draws, and of moments that must not change.

Errors are those of the means: from the autocorrelation of chains, by the delta method
for weights, and over independent chains for changes.
"""

__all__ = ["chain_checks", "change_checks", "evidence_checks", "weighted_checks"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowmc.core.errors import FlowmcError
from flowmc.results.chain_statistics import chain_statistics
from flowmc.validation.check import Check

Functions = Mapping[str, Callable[[np.ndarray], np.ndarray]]
QUOTED = ("importance", "bridge")  # methods whose standard errors are meant as such
LEAST_MOVED = 0.1  # of the chains, by a kernel


def chain_checks(
    place: tuple[str, str],
    theta: np.ndarray,
    functions: Functions,
    truths: Mapping[str, float],
) -> list[Check]:
    """Compare means over chains `[num_draws, num_chains, D]` with the truth.

    Args:
        place: Group and case.
        theta: Draws.
        functions: Name -> function `[..., D] -> [...]`.
        truths: Name -> expectation.
    """
    found = []
    for name, function in functions.items():
        values = function(theta)
        error = chain_statistics(values).mcse_mean
        numbers = float(values.mean()), error, truths[name], float(values.std())
        found.append(Check(*place, name, *numbers))
    return found


def weighted_checks(
    place: tuple[str, str],
    theta: np.ndarray,
    log_weight: np.ndarray,
    functions: Functions,
    truths: Mapping[str, float],
) -> list[Check]:
    """Compare weighted means of independent draws `[n, D]` with the truth."""
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    found = []
    for name, function in functions.items():
        values = function(theta)
        mean = float(weight @ values)
        off = np.square(values - mean)
        error, spread = np.sqrt(np.square(weight) @ off), np.sqrt(weight @ off)
        check = Check(*place, name, mean, float(error), truths[name], float(spread))
        found.append(check)
    return found


def evidence_checks(
    place: tuple[str, str], evidence: Mapping[str, Any], truth: float
) -> list[Check]:
    """Compare each evidence that has an honest error with the truth."""
    found = []
    for method in QUOTED:
        if method in evidence:
            value, error = evidence[method]
            found.append(Check(*place, f"ln Z, {method}", value, error, truth, 1.0))
    return found


def change_checks(
    place: tuple[str, str],
    before: np.ndarray,
    after: np.ndarray,
    functions: Functions,
    *,
    is_control: bool = False,
) -> list[Check]:
    """Compare moments of chains `[n, D]` after some steps with those before.

    Args:
        place: Group and case.
        before: Independent exact draws.
        after: The same chains after steps that leave the target invariant.
        functions: Name -> function `[n, D] -> [n]`.
        is_control: Whether the steps are wrong on purpose.

    Raises:
        FlowmcError: Hardly any chain moved, so that there is nothing to compare.
    """
    moved = float(np.any(after != before, axis=1).mean())
    if moved < LEAST_MOVED:
        raise FlowmcError(
            f"At least {LEAST_MOVED:.0%} of the chains must move; {moved:.1%} did."
        )
    found = []
    for name, function in functions.items():
        change = function(after) - function(before)
        error = float(change.std(ddof=1) / np.sqrt(len(change)))
        spread = float(function(before).std())
        numbers = float(change.mean()), error, 0.0, spread
        found.append(Check(*place, f"change of {name}", *numbers, is_control))
    return found
