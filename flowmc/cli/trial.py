"""`flowmc run --test`: evaluate the target once per chain, time it, sample nothing."""

__all__ = ["Trial", "try_out"]

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowmc.cli.config import Config
from flowmc.cli.json_result import write_json
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import fold_in, generator


@dataclass(frozen=True)
class Trial:
    """What the evaluations at the starting points showed.

    Attributes:
        names: The parameters.
        backend: "tensorflow" or "numpy".
        num_points: Points evaluated, one a chain.
        num_finite: Those with a finite log-density.
        lowest: Smallest finite log-density, or None.
        highest: Largest finite log-density, or None.
        first_seconds: Wall time of the first call, compilation included.
        seconds: Wall time of a second call at other points.
        num_evaluations: Points that the draws asked for will take, at one evaluation
            each; warm-up and training come on top.
    """

    names: tuple[str, ...]
    backend: str
    num_points: int
    num_finite: int
    lowest: float | None
    highest: float | None
    first_seconds: float
    seconds: float
    num_evaluations: int

    @property
    def estimated_seconds(self) -> float:
        """Time in the target for `num_evaluations`, at the second call's speed."""
        return self.seconds * self.num_evaluations / self.num_points

    def show(self, *, as_json: bool = False) -> None:
        """Write the trial to stdout."""
        if as_json:
            estimate = {"estimated_seconds": self.estimated_seconds}
            write_json({"exit_code": 0, **asdict(self), **estimate})
            return
        sys.stdout.write("\n".join(self._lines()) + "\n")

    def _lines(self) -> list[str]:
        each = 1e6 * self.seconds / self.num_points
        lines = [
            f"Target      {self.backend}, {len(self.names)} parameters: "
            f"{', '.join(self.names)}",
            f"Start       {self.num_finite} of {self.num_points} points finite",
        ]
        if self.lowest is not None:
            lines.append(
                f"            ln p from {self.lowest:.6g} to {self.highest:.6g}"
            )
        return [
            *lines,
            f"First call  {self.first_seconds:.3g} s, compilation included",
            f"Next call   {self.seconds:.3g} s, {each:.3g} microseconds a point",
            f"Estimate    {self.estimated_seconds:.3g} s in the target for "
            f"{self.num_evaluations} evaluations of the draws alone",
        ]


def try_out(target: Any, *, config: Config) -> Trial:
    """Evaluate `target` at one starting point per chain, twice.

    Raises:
        ConfigurationError: There is neither a prior nor `sample.initial`.
        LogProbError: The target gave NaN or +inf, or raised.
    """
    sample = config.sample
    first, second = (_points(target, sample, label) for label in ("first", "second"))
    start = time.perf_counter()
    log_prob = np.asarray(target.log_prob(first))
    first_seconds = time.perf_counter() - start
    start = time.perf_counter()
    target.log_prob(second)
    seconds = time.perf_counter() - start
    finite = log_prob[np.isfinite(log_prob)]
    return Trial(
        names=tuple(target.names),
        backend=target.backend,
        num_points=len(first),
        num_finite=finite.size,
        lowest=float(finite.min()) if finite.size else None,
        highest=float(finite.max()) if finite.size else None,
        first_seconds=first_seconds,
        seconds=seconds,
        num_evaluations=sample.num_draws
        * (1 if sample.sampler == "smc" else sample.num_chains),
    )


def _points(target: Any, sample: Any, label: str) -> np.ndarray:
    if sample.initial is not None:
        return np.array(sample.initial, dtype=np.float64)
    if target.has_prior:
        seed = fold_in(sample.seed, "trial", label)
        return np.asarray(target.sample_prior(sample.num_chains, seed=seed))
    bounds = np.asarray(target.bounds, dtype=np.float64)
    if np.isfinite(bounds).all():
        random = generator(fold_in(sample.seed, "trial", label))
        low, high = bounds.T
        return random.uniform(low, high, size=(sample.num_chains, len(bounds)))
    raise ConfigurationError(
        "`--test` needs points to try: the target has no prior, not all of its bounds "
        "are finite, and `sample.initial` is not set. Give one of them."
    )
