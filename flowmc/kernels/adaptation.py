"""Step sizes, trajectory lengths and covariances found in warm-up, frozen after it.

Step sizes follow the acceptance by dual averaging; HMC's trajectory length climbs the
slope of TFP's ChEES criterion, which needs several chains.  The covariance is
that of the draws in windows of doubling length.  All are values of the kernels'
variables, assigned between steps: nothing is traced again.

Reference: Hoffman and Gelman (2014), arXiv:1111.4246, section 3.2; Hoffman, Radul and
Sountsov (2021), PMLR 130.
"""

__all__ = ["Adaptation", "DualAveraging", "Shape", "TrajectoryLength"]

import math
from typing import Any

import numpy as np

STEP_LIMITS = (1e-6, 1e3)


class DualAveraging:
    """Nesterov's dual averaging of a log step size.

    Args:
        step_size: First guess.
        target_acceptance: Mean acceptance probability to aim at.
        max_step_size: Never exceeded.

    Attributes:
        step_size: The one to use for the next step, while adapting.
    """

    gamma, delay, kappa = 0.05, 10.0, 0.75

    def __init__(
        self,
        step_size: float,
        *,
        target_acceptance: float,
        max_step_size: float = math.inf,
    ) -> None:
        self._target = target_acceptance
        self._limits = STEP_LIMITS[0], min(STEP_LIMITS[1], max_step_size)
        self._center = math.log(10.0 * step_size)
        self._error, self._log_average, self._count = 0.0, math.log(step_size), 0
        self.step_size = float(np.clip(step_size, *self._limits))

    def update(self, acceptance: float) -> float:
        """Learn from one step's mean acceptance probability; return the next size."""
        self._count += 1
        count = self._count
        rate = 1.0 / (count + self.delay)
        self._error += rate * (self._target - acceptance - self._error)
        log_step = self._center - math.sqrt(count) / self.gamma * self._error
        log_step = float(np.clip(log_step, *np.log(self._limits)))
        share = count**-self.kappa
        self._log_average += share * (log_step - self._log_average)
        self.step_size = math.exp(log_step)
        return self.step_size

    @property
    def average(self) -> float:
        """The step size to freeze."""
        return math.exp(self._log_average)


class TrajectoryLength:
    """Gradient ascent on the logarithm of a trajectory's length, scaled as by Adam.

    Args:
        length: First guess.
    """

    rate, decay, max_change, share = 0.05, 0.95, 0.35, 0.1

    def __init__(self, length: float) -> None:
        self._square, self._count = 0.0, 0
        self.length, self._log_average = length, math.log(length)

    def update(self, slope: float, *, shortest: float) -> float:
        """Learn from one step's slope; return the next length."""
        if not math.isfinite(slope) or slope == 0.0:
            return self.length
        self._count += 1
        self._square += (1.0 - self.decay) * (slope**2 - self._square)
        scale = math.sqrt(self._square / (1.0 - self.decay**self._count))
        change = float(np.clip(self.rate * slope / scale, *_around(self.max_change)))
        self.length = max(shortest, self.length * math.exp(change))
        self._log_average += self.share * (math.log(self.length) - self._log_average)
        return self.length

    @property
    def average(self) -> float:
        """The length to freeze."""
        return math.exp(self._log_average)


class Shape:
    """Mean and covariance of the draws in windows of doubling length.

    Args:
        part: A kernel with `adapt_shape`.
    """

    first_window, prior_draws = 25, 5.0

    def __init__(self, part: Any) -> None:
        self._part, self._left = part, self.first_window
        self._window = self.first_window
        self._draws: list[np.ndarray] = []

    def update(self, position: np.ndarray) -> bool:
        """Learn from positions `[num_chains, D]`; return whether the shape changed."""
        self._draws.append(position)
        self._left -= 1
        if self._left:
            return False
        draws = np.concatenate(self._draws)
        self._window, self._draws = 2 * self._window, []
        self._left = self._window
        if len(draws) < 5 * draws.shape[1]:
            return False
        covariance = np.atleast_2d(np.cov(draws.T))
        # A few draws of independent coordinates keep it positive definite.
        own = len(draws) / (len(draws) + self.prior_draws)
        spread = np.diag(np.diag(covariance) + 1e-12)
        mixed = own * covariance + (1.0 - own) * spread
        self._part.adapt_shape(draws.mean(axis=0), np.linalg.cholesky(mixed))
        return True


class _Part:
    """What is tuned of one kernel."""

    def __init__(self, row: int, kernel: Any, *, adapt_length: bool, in_x: bool):
        self.row, self.kernel = row, kernel
        self.step: Any = None
        self.length: Any = None
        self.shape: Any = None
        if hasattr(kernel, "step_size"):
            self.restart()
        if adapt_length and hasattr(kernel, "trajectory_length"):
            self.length = TrajectoryLength(float(kernel.trajectory_length.numpy()))
            kernel.is_adapting.assign(True)
        if in_x and getattr(kernel, "has_shape", False):
            self.shape = Shape(kernel)

    def restart(self) -> None:
        """Begin to look for the step size anew, where it stands."""
        self.step = DualAveraging(
            float(self.kernel.step_size.numpy()),
            target_acceptance=self.kernel.target_acceptance,
            max_step_size=getattr(self.kernel, "max_step_size", math.inf),
        )

    def update(self, acceptance: float, slope: float, position: Any) -> None:
        """Learn from one step."""
        kernel = self.kernel
        if self.step is not None:
            kernel.step_size.assign(self.step.update(acceptance))
        if self.length is not None:
            shortest = self.step.step_size
            kernel.trajectory_length.assign(
                self.length.update(slope, shortest=shortest)
            )
        if self.shape is None or position is None:
            return
        if self.shape.update(position) and self.step is not None:
            self.restart()

    def freeze(self) -> dict[str, float]:
        """Assign the averages; return them by name."""
        found = {}
        if self.step is not None:
            found["step_size"] = self.step.average
            self.kernel.step_size.assign(self.step.average)
        if self.length is not None:
            found["trajectory_length"] = self.length.average
            self.kernel.trajectory_length.assign(self.length.average)
            self.kernel.is_adapting.assign(False)
        return found


class Adaptation:
    """Tunes step sizes, trajectory length and covariance of a kernel, or of its parts.

    Parts of a cycle or mixture are tuned one by one, but for HMC's trajectory length,
    and composites inside composites not at all.  A covariance is learned by kernels of
    `x` that were built with one to begin with.

    Args:
        kernel: A kernel, a preconditioned one, or a cycle or mixture of such.
        adapt_length: Whether HMC's trajectory length is tuned too.
    """

    def __init__(self, kernel: Any, *, adapt_length: bool = True) -> None:
        self._is_composite = hasattr(kernel, "kernels")
        adapt_length = adapt_length and not self._is_composite
        seen: dict[int, _Part] = {}
        for row, outer in enumerate(getattr(kernel, "kernels", [kernel])):
            part = outer
            while hasattr(part, "inner"):
                part = part.inner
            if id(part) not in seen:
                seen[id(part)] = _Part(
                    row, part, adapt_length=adapt_length, in_x=part is outer
                )
        self._parts = list(seen.values())

    def __bool__(self) -> bool:
        return any(part.step or part.shape for part in self._parts)

    def update(
        self, acceptance: np.ndarray, slope: float = 0.0, position: Any = None
    ) -> None:
        """Learn from one step.

        Args:
            acceptance: Mean acceptance probability of each part of the kernel `[k]`,
                NaN for a part that took no step; `[1]` for a kernel without parts.
            slope: `HMCInfo.length_slope`, 0 if there is none.
            position: `[num_chains, D]` after the step.
        """
        for part in self._parts:
            if not np.isnan(acceptance[part.row]):
                part.update(float(acceptance[part.row]), slope, position)

    def freeze(self) -> dict[str, float]:
        """Assign the averages; return them by name, with the part's row if several."""
        found = {}
        for part in self._parts:
            label = f"{part.row}." if self._is_composite else ""
            found.update({f"{label}{k}": v for k, v in part.freeze().items()})
        return found


def _around(limit: float) -> tuple[float, float]:
    return -limit, limit
