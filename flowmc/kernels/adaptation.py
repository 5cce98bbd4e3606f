"""Step sizes and trajectory lengths found in warm-up, and frozen after it.

Step sizes follow the acceptance by dual averaging; HMC's trajectory length climbs the
slope of TFP's ChEES criterion, which needs several chains.  Both are plain numbers,
changed between steps: the kernels' variables are assigned, nothing is traced again.

Reference: Hoffman and Gelman (2014), arXiv:1111.4246, section 3.2; Hoffman, Radul and
Sountsov (2021), PMLR 130.
"""

__all__ = ["Adaptation", "DualAveraging", "TrajectoryLength"]

import math
from collections.abc import Iterator
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


class Adaptation:
    """Tunes every part of a kernel that has a step size.

    Args:
        kernel: A kernel, a preconditioned one, or a cycle or mixture of such.
        adapt_length: Whether HMC's trajectory length is tuned too.
    """

    def __init__(self, kernel: Any, *, adapt_length: bool = True) -> None:
        self._parts = [
            (row, part, _dual_averaging(part), _length(part, adapt_length))
            for row, part in _tunable(kernel)
        ]

        for _, part, _, length in self._parts:
            if length is not None:
                part.is_adapting.assign(True)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def update(self, acceptance: np.ndarray, slope: float = 0.0) -> None:
        """Learn from one step.

        Args:
            acceptance: Mean acceptance probability of each part of the kernel `[k]`,
                NaN for a part that took no step; `[1]` for a kernel without parts.
            slope: `HMCInfo.length_slope`, 0 if there is none.
        """
        for row, part, step, length in self._parts:
            if np.isnan(acceptance[row]):
                continue
            part.step_size.assign(step.update(float(acceptance[row])))
            if length is not None:
                part.trajectory_length.assign(
                    length.update(slope, shortest=step.step_size)
                )

    def freeze(self) -> dict[str, float]:
        """Assign the averages; return them by name."""
        found = {}
        for row, part, step, length in self._parts:
            label = f"{row}." if len(self._parts) > 1 else ""
            part.step_size.assign(step.average)
            found[f"{label}step_size"] = step.average
            if length is not None:
                part.is_adapting.assign(False)
                part.trajectory_length.assign(length.average)
                found[f"{label}trajectory_length"] = length.average
        return found


def _tunable(kernel: Any) -> Iterator[tuple[int, Any]]:
    """Yield the parts that have a step size, with their row in the infos."""
    for row, part in enumerate(getattr(kernel, "kernels", [kernel])):
        while hasattr(part, "inner"):
            part = part.inner
        if hasattr(part, "step_size"):
            yield row, part


def _dual_averaging(part: Any) -> DualAveraging:
    return DualAveraging(
        float(part.step_size.numpy()),
        target_acceptance=part.target_acceptance,
        max_step_size=getattr(part, "max_step_size", math.inf),
    )


def _length(part: Any, adapt_length: bool) -> TrajectoryLength | None:
    if not adapt_length or not hasattr(part, "trajectory_length"):
        return None
    return TrajectoryLength(float(part.trajectory_length.numpy()))


def _around(limit: float) -> tuple[float, float]:
    return -limit, limit
