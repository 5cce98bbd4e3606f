"""The firewall between users' functions and the samplers: values, exceptions, counts.

A NaN is raised or counted as zero density, as the user chose; +inf is always an error,
since a sampler would accept it and never leave; an exception is raised again with the
parameters in its message.  Nothing passes silently.
"""

__all__ = ["Firewall"]

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from flowmc.core.errors import FlowmcError, LogProbError
from flowmc.targets.parameters import Parameters
from flowmc.targets.values import HUGE

MAX_KEPT = 10  # offending points kept for the report


class Firewall:
    """Checks values, turns exceptions into typed errors, and counts.

    Args:
        parameters: Names for the messages.
        label: Name of the user's function in the messages.
        on_nan: "raise" or "reject".
        on_crash: "raise" or "reject".

    Attributes:
        num_log_prob: Points at which the density was evaluated.
        num_gradient: Points at which its gradient was evaluated.
        num_nan: Points rejected because of NaN.
        num_crashed: Points rejected because the function raised.
        seconds: Wall time spent in the function.
        bad_values: The first few offending points, each `[D]`.
    """

    def __init__(
        self, parameters: Parameters, *, label: str, on_nan: str, on_crash: str
    ) -> None:
        self.label = label
        self.num_log_prob = 0
        self.num_gradient = 0
        self.num_nan = 0
        self.num_crashed = 0
        self.seconds = 0.0
        self.bad_values: list[np.ndarray] = []
        self._parameters = parameters
        self._on_nan = on_nan
        self._on_crash = on_crash

    def check(self, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return `values` `[n]` with only finite numbers and -inf, or raise."""
        values = np.where(values <= -HUGE, -np.inf, values)
        is_nan, is_huge = np.isnan(values), values >= HUGE
        if is_huge.any() or (is_nan.any() and self._on_nan == "raise"):
            first = int(np.flatnonzero(is_huge | is_nan)[0])
            self.keep(theta[is_huge | is_nan])
            self.raise_bad_value(theta[first], values[first])
        if is_nan.any():
            self.num_nan += int(is_nan.sum())
            self.keep(theta[is_nan])
            values = np.where(is_nan, -np.inf, values)
        return values

    def check_gradient(
        self, theta: np.ndarray, values: np.ndarray, gradient: np.ndarray
    ) -> np.ndarray:
        """Return `gradient` `[n, D]`, finite everywhere, or raise.

        Where the density is zero the gradient is zero too: nothing moves there.
        """
        gradient = np.where(np.isfinite(values)[:, None], gradient, 0.0)
        is_bad = ~np.isfinite(gradient).all(axis=-1)
        if not is_bad.any():
            return gradient
        self.keep(theta[is_bad])
        if self._on_nan == "raise":
            first = int(np.flatnonzero(is_bad)[0])
            where = self._parameters.describe(theta[first])
            parts = self._parameters.describe(gradient[first])
            raise self._error(
                f"The gradient of `{self.label}` must be finite where its value is; "
                f"got {parts} at {where}. Correct the function, or pass "
                'on_nan="reject" to put zeros there.',
                theta[first],
            )
        self.num_nan += int(is_bad.sum())
        return np.where(is_bad[:, None], 0.0, gradient)

    def guarded(
        self,
        call: Callable[[np.ndarray], np.ndarray],
        theta: np.ndarray,
        *,
        width: int | None = None,
    ) -> np.ndarray:
        """Return `call(theta)`; where it raises, find the point and act on it.

        Args:
            call: Gives `[n]`, or `[n, width]` with values in the first column.
            theta: Points `[n, D]`.
            width: Number of columns `call` gives, or None.
        """
        try:
            return call(theta)
        except FlowmcError:
            raise
        except Exception as error:
            if len(theta) == 1:
                value = self.crashed(theta[0], error)
                return value if width is None else np.full((1, width), value[0])
            half = len(theta) // 2
            halves = (theta[:half], theta[half:])
            parts = [self.guarded(call, part, width=width) for part in halves]
            if self._on_crash == "reject":
                return np.concatenate(parts)
            raise self._error(
                f"`{self.label}` raised {type(error).__name__} on a batch of "
                f"{len(theta)} points and on none of its halves: {error}",
                theta[0],
            ) from error

    def crashed(
        self, theta: np.ndarray, error: Exception, *, summary: str = ""
    ) -> np.ndarray:
        """Return `[1]` value -inf for a point whose evaluation failed, or raise."""
        self.keep(theta[None])
        if self._on_crash == "reject":
            self.num_crashed += 1
            return np.array([-np.inf])
        summary = summary or f"{type(error).__name__}: {error}"
        raise self._error(
            f"`{self.label}` raised {summary} at "
            f"{self._parameters.describe(theta)}. Correct the function, return -inf "
            'there, or pass on_crash="reject".',
            theta,
        ) from error

    def raise_bad_value(self, theta: Any, value: Any) -> NoReturn:
        """Raise `LogProbError` for a value NaN or +inf at the point `theta` `[D]`."""
        where = self._parameters.describe(theta)
        remedy = (
            'Return -inf outside the support, or pass on_nan="reject".'
            if np.isnan(value)
            else "The density is unbounded there, or the function has a bug."
        )
        raise self._error(
            f"`{self.label}` must give a finite number or -inf; got {float(value)} at "
            f"{where}. {remedy}",
            np.asarray(theta, np.float64),
        )

    def keep(self, theta: np.ndarray) -> None:
        """Keep the first few offending points `[n, D]`."""
        room = MAX_KEPT - len(self.bad_values)
        self.bad_values.extend(np.array(point) for point in theta[: max(room, 0)])

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time spent inside to `seconds`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Evaluate without leaving a trace in the counts."""
        before = dict(vars(self), bad_values=list(self.bad_values))
        try:
            yield
        finally:
            vars(self).update(before)

    def _error(self, message: str, theta: np.ndarray) -> LogProbError:
        return LogProbError(message, theta=theta, names=self._parameters.names)
