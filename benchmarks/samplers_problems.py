"""The problems of the samplers' benchmark: target, start, limits and judge of each.

Everything that is not named here is a default of `flowmc.sample`.
"""

__all__ = ["PROBLEMS", "Problem", "model_with_base"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import samplers_judges as judges
from samplers_judges import Check, Outcome

from flowmc import models, targets
from flowmc.targets import AnalyticTarget

CHAINS = 64
FIELD = 0.005
DEGREES = 2.5
Start = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Problem:
    """One row of the table of goals.

    Attributes:
        name: As on the command line; `yardstick` names the law it is measured by.
        make: Makes the known-answer target.
        judge: Answers the questions of the row.
        backend: "tensorflow" or "numpy".
        options: Of `Target`, besides the function.
        settings: Of `flowmc.sample`.
        start: Starting positions `[64, D]`, or None for the sampler's own.
        trap: Starts all chains in one place, for runs with crippled settings.
        model: Makes the model, or None for the sampler's own.
        can_be_good: False without bounds and prior, where the verdict has to say that
            modes outside the start were not looked for.
        peers: Contestants of the same row.
    """

    name: str
    yardstick: str
    make: Callable[[], AnalyticTarget]
    judge: Callable[[Outcome], list[Check]]
    backend: str = "tensorflow"
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: Start | None = None
    trap: Start = lambda random: random.normal(size=(CHAINS, 10))
    model: Callable[[AnalyticTarget], Any] | None = None
    can_be_good: bool = True
    peers: tuple[str, ...] = ()

    @cached_property
    def truth(self) -> AnalyticTarget:
        """The known-answer target."""
        return self.make()

    def target(self) -> Any:
        """Return a new `flowmc.Target`."""
        return self.truth.target(self.backend, **self.options)


def _around(center: float, *, sd: float, size: int = 10) -> Start:
    return lambda random: center + sd * random.normal(size=(CHAINS, size))


def _box(half_width: float, *, size: int = 10) -> Start:
    return lambda random: random.uniform(-half_width, half_width, size=(CHAINS, size))


def _phase(random: np.random.Generator) -> np.ndarray:
    """Start in the minority phase, phi near +1, small at the fixed ends."""
    distance = np.minimum(np.arange(1, 65), np.arange(64, 0, -1))
    profile = np.tanh(distance / 8.0)
    return profile + 0.05 * random.normal(size=(CHAINS, 64))


def _lattice() -> AnalyticTarget:
    return targets.phi_four_chain(64, field=FIELD, prior=True)


def model_with_base(truth: AnalyticTarget) -> Any:
    """Return an untrained flow whose base is the free field."""
    size = truth.event_size
    base = {"covariance": targets.free_field_covariance(size)}
    return models.make("realnvp", event_size=size, seed=0, base=base)


def _student() -> AnalyticTarget:
    return targets.student_t(10, degrees_of_freedom=DEGREES)


def _judge_student(run: Outcome) -> list[Check]:
    truth = _student()
    scale = truth.standard_deviation * np.sqrt((DEGREES - 2.0) / DEGREES)
    return judges.heavy_tails(run, location=truth.mean, scale=scale, degrees=DEGREES)


_MIXTURE = Problem(
    name="mixture10",
    yardstick="mixture10",
    make=lambda: targets.two_gaussians(10),
    judge=judges.mixture,
    settings={"max_evaluations": 100_000},
    start=_box(1.0),
    trap=_around(-5.0, sd=1.0),
    peers=("emcee", "zeus", "pocomc", "nautilus", "dynesty"),
)
_ROSENBROCK = Problem(
    name="rosenbrock10",
    yardstick="rosenbrock10",
    make=lambda: targets.rosenbrock(10),
    judge=partial(judges.rosenbrock, rate=25.0),
    start=_box(1.0),
    trap=_around(1.0, sd=0.01),
    peers=("numpyro",),
)
_FUNNEL = Problem(
    name="funnel10",
    yardstick="funnel10",
    make=lambda: targets.funnel(10),
    judge=judges.funnel,
    settings={"max_evaluations": 300_000},
    trap=_around(0.0, sd=0.1),
)
_ALL = (
    _ROSENBROCK,
    Problem(
        name="rosenbrock10_host",
        yardstick="rosenbrock10",
        make=_ROSENBROCK.make,
        judge=partial(judges.rosenbrock, rate=10.0),
        backend="numpy",
        start=_box(1.0),
        trap=_ROSENBROCK.trap,
        peers=("emcee", "zeus", "pocomc", "nautilus", "dynesty"),
    ),
    _MIXTURE,
    Problem(
        name="mixture10_one_mode",
        yardstick="mixture10",
        make=_MIXTURE.make,
        judge=judges.one_mode,
        settings=_MIXTURE.settings,
        start=_around(-5.0, sd=1.0),
        trap=_around(5.0, sd=0.01),
    ),
    _FUNNEL,
    Problem(
        name="funnel10_host",
        yardstick="funnel10",
        make=_FUNNEL.make,
        judge=judges.funnel,
        backend="numpy",
        settings={"max_evaluations": 100_000},
        trap=_FUNNEL.trap,
        peers=("emcee", "zeus", "pocomc", "nautilus", "dynesty"),
    ),
    Problem(
        name="phi4_64",
        yardstick="phi4_64",
        make=_lattice,
        judge=judges.lattice,
        start=_phase,
        trap=_phase,
        model=model_with_base,
    ),
    Problem(
        name="illcond50",
        yardstick="illcond50",
        make=lambda: targets.ill_conditioned_gaussian(50),
        judge=judges.gaussian,
        options={"bounds": [(-100.0, 100.0)] * 50},
        trap=_around(0.0, sd=0.001, size=50),
        peers=("numpyro", "numpyro_dense", "emcee"),
    ),
    Problem(
        name="student10",
        yardstick="student10",
        make=_student,
        judge=_judge_student,
        settings={"num_draws": 10_000},
        trap=_around(0.0, sd=0.01),
        can_be_good=False,
    ),
)
PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _ALL}
