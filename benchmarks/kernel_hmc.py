"""HMC and NUTS in the space of a flow that they trained themselves, against plain NUTS.

Sixty-four chains start anywhere in a box, as the peers do.  HMC runs in an affine map
that is fitted again and again; then a flow is fitted to its draws, HMC runs in the
flow's space, and the flow is fitted again.  All gradients and seconds of that are
counted.  A flow fitted to 10^4 exact draws says how much better it could be.
"""

__all__ = ["PROBLEMS", "Problem", "measure_hmc"]

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from kernel_learner import Learner
from kernel_peers import Run, find_numpyro, run_numpyro, run_tfp
from metrics import Yardstick

from flowmc import targets

HALF_WIDTH = 2.0  # of the box where everybody starts; NumPyro's and Stan's default


class Problem:
    """A target, where chains start on it, and its yardstick.

    Args:
        name: As in `PROBLEMS`.
        target: With exact draws; without bounds.
        quick: A rough yardstick.
    """

    def __init__(self, name: str, target: Any, *, quick: bool) -> None:
        self.name, self.target, self._quick = name, target, quick

    @property
    def precision(self) -> np.ndarray | None:
        """Of the normal law, which peers are told by its matrix."""
        if self.name != "gaussian50":
            return None
        size = self.target.event_size
        gradient = np.stack([self._slope(row) for row in np.eye(size)])
        return 0.5 * (gradient + gradient.T)

    @cached_property
    def yardstick(self) -> Yardstick:
        """Made once, as it takes a while."""
        return Yardstick(self.target, quick=self._quick)

    def starts(self, num_chains: int, *, seed: int) -> np.ndarray:
        """Return starting points `[num_chains, D]`."""
        random = np.random.default_rng([seed, num_chains])
        size = (num_chains, self.target.event_size)
        return random.uniform(-HALF_WIDTH, HALF_WIDTH, size=size)

    def _slope(self, theta: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        x = tf.constant(theta[None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_prob = self.target.graph_fn(x)
        return -tape.gradient(log_prob, x).numpy()[0]


PROBLEMS: dict[str, Callable[[bool], Problem]] = {
    "rosenbrock10": lambda quick: Problem(
        "rosenbrock10", targets.rosenbrock(10, prior=None), quick=quick
    ),
    "funnel10": lambda quick: Problem(
        "funnel10", targets.funnel(10, bounded=False), quick=quick
    ),
    "gaussian50": lambda quick: Problem(
        "gaussian50", targets.ill_conditioned_gaussian(50), quick=quick
    ),
}
FAMILIES = {
    "rosenbrock10": ("iaf", "maf", "spline_autoregressive"),
    "funnel10": ("iaf", "maf", "spline_autoregressive"),
    "gaussian50": ("gaussian",),
}


def measure_hmc(
    quick: bool, *, seeds: int, done: list[tuple], problems: list[str] | None = None
) -> Iterator[tuple]:
    """Yield a row for every problem, contestant and seed.

    Args:
        quick: One family, short chains.
        seeds: How many.
        done: `(problem, contestant, seed)` to leave out.
        problems: Names; None for one if quick, else all.
    """
    names = problems or (("rosenbrock10",) if quick else tuple(PROBLEMS))
    made = {name: PROBLEMS[name](quick) for name in names}
    for seed in range(seeds):
        for name, problem in made.items():
            for label, run in _contestants(problem, seed, quick):
                if (name, label, seed) not in done:
                    for extra, result in run():
                        yield name, label + extra, seed, *_figures(problem, result)


def _figures(problem: Problem, run: Run) -> tuple:
    worth = problem.yardstick.equivalent(run.draws)
    whole = run.warmup_gradients + run.gradients
    return (
        run.divergence,
        problem.yardstick.distance(run.draws),
        worth,
        len(run.draws),
        run.gradients,
        run.warmup_gradients,
        1e3 * worth / run.gradients,
        1e3 * worth / whole,
        worth / run.seconds,
        worth / (run.seconds + run.warmup_seconds),
    )


def _contestants(problem: Problem, seed: int, quick: bool) -> Iterator[tuple]:
    """Yield names and functions that yield `(suffix, run)`."""
    options = {"seed": seed, "quick": quick}
    if find_numpyro():
        yield (
            "NumPyro NUTS",
            lambda: [("", run_numpyro(problem, dense_mass=False, **options))],
        )
        yield (
            "NumPyro NUTS, dense",
            lambda: [("", run_numpyro(problem, dense_mass=True, **options))],
        )
    yield "TFP NUTS", lambda: [("", run_tfp(problem, **options))]
    first, *others = FAMILIES[problem.name]
    yield f"{first} hmc", Learner(problem, first, **options).learn
    yield f"{first} hmc, exact", Learner(problem, first, **options).be_told
    if seed == 0 and not quick:
        for family in others:
            yield f"{family} hmc, exact", Learner(problem, family, **options).be_told
