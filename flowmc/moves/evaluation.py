"""What a move asks of emcee's `Model`: the user's function, random numbers, counts.

A learned proposal can produce a point that is not finite or lies on a bound.  emcee
ends the run at such a point; here it has zero density and the function never sees it.
"""

__all__ = ["draw_seed", "evaluate_where", "guarded", "num_stored_steps"]

from collections.abc import Callable
from typing import Any

import numpy as np

from flowmc.core.errors import LogProbError
from flowmc.targets.values import HUGE

# emcee's `compute_log_prob`: coords [n, D] -> (log_prob [n], blobs [n, ...] | None)
Compute = Callable[[np.ndarray], tuple[np.ndarray, Any]]


def draw_seed(random: Any) -> np.ndarray:
    """Draw a stateless int32 pair from the `RandomState` that emcee hands over."""
    return random.randint(0, 2**31 - 1, size=2).astype(np.int32)


def evaluate_where(
    compute: Compute, points: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, Any]:
    """Evaluate the usable rows of `points` `[n, D]`.

    Args:
        compute: emcee's function; it raises on NaN.
        points: `[n, D]`; only the usable rows need be finite.
        usable: `[n]`, which rows the user's function may see.

    Returns:
        Log-densities `[n]`, -inf where unusable, and blobs `[n, ...]` or None; a blob
        of an unusable row belongs to another row, and nothing may be done with it.

    Raises:
        LogProbError: The log-density is +inf somewhere, or has not one value a point.
    """
    log_prob = np.full(len(points), -np.inf)
    if not usable.any():
        return log_prob, None
    # A copy: the user's function may write to its argument.
    values, blobs = compute(points[usable])
    if np.shape(values) != (int(usable.sum()),):
        raise LogProbError(
            "The log-density must have one value a point, shape "
            f"[{int(usable.sum())}]; got shape {list(np.shape(values))}. Sum over the "
            "last axis only, or leave out `vectorize` if it takes a single point."
        )
    log_prob[usable] = np.where(np.less(values, -HUGE), -np.inf, values)
    _refuse_infinite(points, log_prob)
    if blobs is None:
        return log_prob, None
    rows = np.zeros(len(points), dtype=int)
    rows[usable] = np.arange(usable.sum())
    return log_prob, blobs[rows]


def guarded(model: Any, is_allowed: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return emcee's `Model` with a function that gives -inf where not allowed."""
    compute = model.compute_log_prob_fn

    def compute_allowed(points: np.ndarray) -> tuple[np.ndarray, Any]:
        return evaluate_where(compute, points, is_allowed(points))

    return model._replace(compute_log_prob_fn=compute_allowed)


def num_stored_steps(model: Any, *, default: int) -> int:
    """Return how many steps emcee's backend held before the one being made."""
    sampler = getattr(model.compute_log_prob_fn, "__self__", None)
    return int(getattr(getattr(sampler, "backend", None), "iteration", default))


def _refuse_infinite(points: np.ndarray, log_prob: np.ndarray) -> None:
    """Raise for +inf: accepted once, it would hold its walker for ever."""
    bad = np.flatnonzero(log_prob > HUGE)
    if len(bad):
        theta = points[bad[0]]
        raise LogProbError(
            f"The log-density must be finite or -inf; it is +inf at {theta.tolist()}. "
            "Check that it is bounded above there.",
            theta=theta,
        )
