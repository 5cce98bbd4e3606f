"""The problems of the annealing's benchmark: target, settings, peers, and the goal.

Targets are NumPy functions, as the peers' are; everything not named here is a default
of `flowmc.sample_smc`.
"""

__all__ = ["OTHERS", "OURS", "PROBLEMS", "Problem"]

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from flowmc import targets
from flowmc.targets import AnalyticTarget

EXAMPLES = Path(__file__).parents[1] / "examples"
OURS = ("flowmc", "flowmc-hmc")
OTHERS = ("pocomc", "nautilus", "dynesty")


@dataclass(frozen=True)
class Problem:
    """One row of the table of goals.

    Attributes:
        name: As on the command line.
        yardstick: The law it is measured by; the peers' density of that name.
        make: Makes the known-answer target, or None where no exact draws are known.
        log_evidence: Truth; None takes the known-answer target's.
        tolerance: Of the root-mean-square error of ln Z.
        rate: iid-equivalent draws for 1000 evaluations to get to, or None.
        settings: Of `flowmc.sample_smc`.
        peers: Contestants.
        prior: What the peers' priors are: "uniform" on the target's box, or "normal".
        peer_arrays: Arrays for the peers: their "prior", and what the density needs;
            None where the target's bounds are all.
        start: Of ensembles, which have no part here.
    """

    name: str
    make: Callable[[], AnalyticTarget] | None
    tolerance: float
    rate: float | None = None
    yardstick: str = ""
    log_evidence: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    peers: tuple[str, ...] = OTHERS
    prior: str = "uniform"
    peer_arrays: Callable[[], dict[str, np.ndarray]] | None = None
    start: Any = None

    @cached_property
    def truth(self) -> Any:
        """The known-answer target, None where there is none."""
        return None if self.make is None else self.make()

    @property
    def exact(self) -> float:
        """The log-evidence to be found."""
        return self.truth.log_evidence if self.truth else float(self.log_evidence or 0)

    def target(self, backend: str = "numpy") -> Any:
        """Return a new `flowmc.Target` on the host, or on "tensorflow"."""
        if self.truth:
            return self.truth.target(backend)
        study = _study()
        return study.host_target() if backend == "numpy" else study.graph_target()


def _study() -> Any:
    sys.path.insert(0, str(EXAMPLES))
    import k2_24

    return k2_24


def _normal(size: int) -> dict[str, np.ndarray]:
    prior = np.tile([0.0, 3.0], (size, 1))
    return {"prior": prior, "initial": np.zeros((1, size))}


def _velocities() -> dict[str, np.ndarray]:
    names = ("velocity", "variance", "regressors")
    prior = np.array([law[:2] for law in _study().PRIORS.values()])
    data = dict(zip(names, _study().data(), strict=True))
    return {"prior": prior, "initial": prior[None, :, 0], **data}


_ALL = (
    Problem(
        "mixture10",
        partial(targets.two_gaussians, 10),
        0.02,
        300.0,
        "mixture10",
        settings={"num_draws": 10_000},
    ),
    Problem(
        "eggbox",
        targets.eggbox,
        0.02,
        150.0,
        "eggbox",
        settings={"num_particles": 2048, "num_draws": 10_000},
    ),
    Problem(
        "rosenbrock10",
        partial(targets.rosenbrock, 10),
        0.02,
        35.0,
        "rosenbrock10",
        settings={"num_particles": 4096, "num_draws": 10_000},
    ),
    Problem(
        "rosenbrock10_normal",
        partial(targets.rosenbrock, 10, prior="normal"),
        0.02,
        yardstick="rosenbrock10_normal",
        settings={"num_particles": 4096},
        prior="normal",
        peer_arrays=partial(_normal, 10),
    ),
    Problem(
        "funnel10",
        partial(targets.funnel, 10),
        0.05,
        100.0,
        "funnel10",
        settings={"num_particles": 4096},
    ),
    Problem(
        "k2_24",
        None,
        0.01,
        log_evidence=-103.3455,
        yardstick="k2_24",
        settings={"num_particles": 512, "num_draws": 10_000},
        prior="normal",
        peer_arrays=_velocities,
    ),
    Problem(
        "phi4_32",
        partial(targets.phi_four_chain, 32, prior=True),
        0.1,
        yardstick="phi4_32",
        settings={"num_particles": 4096},
        peers=(),
    ),
    Problem(
        "phi4_64",
        partial(targets.phi_four_chain, 64, prior=True),
        0.1,
        yardstick="phi4_64_plain",
        settings={"num_particles": 8192},
        peers=(),
    ),
)
PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _ALL}
