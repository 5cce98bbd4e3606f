"""What a target knows about its parameters: names, labels, bounds, which are circular.

Everything the user may say about parameters is checked and brought to one form here.
"""

__all__ = ["Parameters", "make_parameters"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowmc.core.checks import check_event_size
from flowmc.core.errors import TargetError

# Relative slack when given bounds are compared with a prior's support.
SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class Parameters:
    """Names, labels and bounds of D parameters, in order.

    Attributes:
        names: D names.
        labels: D LaTeX labels without dollar signs; the names where none were given.
        bounds: `[D, 2]` float64, closed, infinite where there is none.
        periodic: Indices of circular parameters; their bounds are finite.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    bounds: np.ndarray
    periodic: tuple[int, ...]

    @property
    def event_size(self) -> int:
        """Number of parameters, D."""
        return len(self.names)

    def inside(self, theta: np.ndarray) -> np.ndarray:
        """Return which points are finite and within bounds: `[n, D] -> [n]` bool."""
        low, high = self.bounds.T
        return np.all(np.isfinite(theta) & (theta >= low) & (theta <= high), axis=-1)

    def wrap(self, theta: np.ndarray) -> np.ndarray:
        """Return a copy with circular parameters brought into their bounds."""
        theta = np.array(theta, dtype=np.float64)
        for index in self.periodic:
            low, high = self.bounds[index]
            theta[..., index] = low + np.mod(theta[..., index] - low, high - low)
        return theta

    def describe(self, theta: Any) -> str:
        """Return `a=1.0, b=2.0` for one point `[D]`, with every digit."""
        pairs = zip(self.names, np.asarray(theta, np.float64), strict=True)
        return ", ".join(f"{name}={float(value)!r}" for name, value in pairs)

    def scattered_points(self, n: int, *, generator: np.random.Generator) -> np.ndarray:
        """Return points `[n, D]` inside the bounds: for probes where no prior is."""
        low, high = self.bounds.T
        has_low, has_high = np.isfinite(low), np.isfinite(high)
        normal = generator.standard_normal((n, self.event_size))
        fraction = generator.uniform(0.05, 0.95, size=normal.shape)
        with np.errstate(invalid="ignore"):  # inf - inf, in branches not taken
            return np.select(
                [has_low & has_high, has_low, has_high],
                [low + fraction * (high - low), low + np.exp(normal), high - fraction],
                default=normal,
            )


def make_parameters(
    *,
    names: Sequence[str] | None,
    labels: Mapping[str, str] | Sequence[str] | None,
    bounds: Any,
    periodic: Sequence[str],
    event_size: int | None,
    prior: Any,
) -> Parameters:
    """Check and combine what was said about the parameters.

    Raises:
        TargetError: The number of parameters is unknown, two statements disagree, or a
            bound is unusable.
    """
    known = None if prior is None else prior.names
    final = _final_names(names, bounds=bounds, event_size=event_size, known=known)
    circular = _indices(periodic, names=final)
    given = _given_bounds(bounds, names=final)
    if prior is None:
        box = np.tile([-np.inf, np.inf], (len(final), 1)) if given is None else given
    else:
        box = _reconciled(given, prior=prior, names=final, circular=circular)
    for index in circular:
        if not np.isfinite(box[index]).all():
            raise TargetError(
                f"A periodic parameter needs two finite bounds; `{final[index]}` has "
                f"({box[index, 0]}, {box[index, 1]}). Give its `bounds`."
            )
    return Parameters(final, _final_labels(labels, names=final), box, circular)


def _final_names(
    names: Any, *, bounds: Any, event_size: Any, known: tuple[str, ...] | None
) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TargetError(f"`names` must be a sequence of names; got {names!r}.")
    final = tuple(names) if names is not None else known
    if final is None and isinstance(bounds, Mapping):
        final = tuple(bounds)
    if final is None and (event_size is not None or bounds is not None):
        size = len(bounds) if event_size is None else check_event_size(event_size)
        final = tuple(f"theta{index}" for index in range(size))
    if not final:
        raise TargetError(
            "The number of parameters must be known; got no `prior`, `names`, "
            "`bounds` or `event_size`. Give one of them."
        )
    if any(not isinstance(name, str) or not name for name in final):
        raise TargetError(f"`names` must be non-empty strings; got {final!r}.")
    if len(set(final)) != len(final):
        raise TargetError(f"`names` must be distinct; got {', '.join(final)}.")
    if known is not None and final != known:
        raise TargetError(
            "`names` must equal the prior's names, in its order "
            f"({', '.join(known)}); got {', '.join(final)}. Leave `names` out."
        )
    if event_size is not None and len(final) != event_size:
        raise TargetError(
            f"`event_size` must be the number of names, {len(final)}; got {event_size}."
        )
    return final


def _indices(chosen: Any, *, names: tuple[str, ...]) -> tuple[int, ...]:
    chosen = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    for name in chosen:
        if name not in names:
            raise TargetError(
                f"`periodic` must hold names of parameters; got {name!r}, and the "
                f"names are {', '.join(names)}."
            )
    return tuple(sorted({names.index(name) for name in chosen}))


def _final_labels(labels: Any, *, names: tuple[str, ...]) -> tuple[str, ...]:
    if labels is None:
        return names
    if isinstance(labels, Mapping):
        unknown = [name for name in labels if name not in names]
        if unknown:
            raise TargetError(
                f"`labels` must be keyed by parameter names; got {unknown[0]!r}, and "
                f"the names are {', '.join(names)}."
            )
        return tuple(str(labels.get(name, name)) for name in names)
    if isinstance(labels, str) or len(labels) != len(names):
        raise TargetError(f"`labels` must be {len(names)} strings; got {labels!r}.")
    return tuple(str(label) for label in labels)


def _given_bounds(bounds: Any, *, names: tuple[str, ...]) -> np.ndarray | None:
    if bounds is None:
        return None
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in names]
        if unknown:
            raise TargetError(
                f"`bounds` must be keyed by parameter names; got {unknown[0]!r}, and "
                f"the names are {', '.join(names)}."
            )
        bounds = [bounds.get(name, (-np.inf, np.inf)) for name in names]
    try:
        array = np.array([tuple(pair) for pair in bounds], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TargetError(
            f"`bounds` must be (low, high) pairs of numbers; got {bounds!r}."
        ) from error
    if array.shape != (len(names), 2):
        raise TargetError(
            f"`bounds` must be {len(names)} pairs (low, high), one per parameter; "
            f"got shape {list(array.shape)}."
        )
    for name, (low, high) in zip(names, array, strict=True):
        if not low < high or low == np.inf or high == -np.inf:
            raise TargetError(
                f"`bounds` need low < high; `{name}` has ({low}, {high}). Use -inf "
                "and inf where there is no bound."
            )
    return array


def _reconciled(
    given: np.ndarray | None,
    *,
    prior: Any,
    names: tuple[str, ...],
    circular: tuple[int, ...],
) -> np.ndarray:
    """Return the prior's support; given bounds may repeat it but not cut it."""
    support = np.array(prior.bounds, dtype=np.float64)
    if given is None:
        return support
    for index, (name, pair, own) in enumerate(zip(names, given, support, strict=True)):
        # The period of a circular density is a choice of interval, not a cut.
        if index in circular and np.isinf(own).all():
            support[index] = pair
            continue
        slack = SLACK * np.maximum(1.0, np.abs(np.where(np.isfinite(own), own, 0.0)))
        if pair[0] > own[0] + slack[0] or pair[1] < own[1] - slack[1]:
            raise TargetError(
                f"`bounds` must not cut the prior; `{name}` has bounds ({pair[0]}, "
                f"{pair[1]}) and a prior on ({own[0]}, {own[1]}). A prior cut short is "
                "not normalized: truncate the prior's distribution instead."
            )
    return support
