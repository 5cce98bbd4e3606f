"""Moves of a VAE, of flows and without a model on a thin curved surface in 20-D.

All chains start at exact draws, so that ESS tells of mixing alone.  Models learn from
exact draws, or from those of a run of plain HMC, whose gradients are then shown.  Step
sizes are tuned in warm-up; the length of trajectories, and the acceptance that step
sizes aim at, are the best of a few, found by runs that are not counted, for every
contestant alike.
"""

__all__ = ["measure_manifold"]

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from vae_contestants import CONTESTANTS, train
from vae_measure import COSTS, measure_mixing, plane_of, surface

from flowmc import targets
from flowmc.sampling.chains import Chains, run_chains

SIZE, NUM_CHAINS = 20, 64
PROBLEMS = {"ring": targets.noisy_ring, "roll": targets.swiss_roll}
NUM_TRAINING = 50_000
NUM_LEARNING = 300  # steps of plain HMC whose draws are learned from
SETTINGS = ((1.5, 0.8), (3.0, 0.8), (6.0, 0.8), (1.5, 0.65), (3.0, 0.65))
STEPS = {"gradient": 300, "length by warm-up": 1000, "walk": 4000, "jump": 1000}
WARMUP = {"gradient": 300, "length by warm-up": 500, "walk": 500, "jump": 0}
CODES = {"ring": 1, "roll": 2}  # dimensions of the surface


class Manifold:
    """One target, its models, and every contestant's run.

    Args:
        name: "ring" or "roll".
        seed: Of training and chains.
        quick: Short runs.
        settings: Best length and acceptance by contestant; found where missing.
    """

    def __init__(self, name: str, *, seed: int, quick: bool, settings: dict) -> None:
        self.name, self.seed, self.quick, self._settings = name, seed, quick, settings
        self.known = PROBLEMS[name](SIZE)
        self._target, self._plane = self.known.target(), plane_of(self.known)
        self._exact = self.known.sample(NUM_TRAINING, seed=100 + seed)

    def rows(self, learned: str, families: Iterable[str]) -> Iterator[tuple]:
        """Yield a row for each contestant whose model learned from such draws."""
        draws, spent = self._exact, 0
        if learned == "HMC's draws":
            draws, spent = self._hmc_draws()
        for family in families:
            started = time.perf_counter()
            model = train(
                family,
                draws,
                codes=CODES[self.name],
                seed=self.seed,
                quick=self.quick,
            )
            seconds = time.perf_counter() - started if model else 0.0
            for label, kind, make in CONTESTANTS[family]:
                chains = self._run(label, kind, partial(make, model))
                places = surface(chains.theta, self._plane)
                found = measure_mixing(chains, places)
                warmup = found.warmup + spent
                figures = (*found[:-1], float(warmup), seconds)
                yield self.name, learned, label, self.seed, *figures

    def _hmc_draws(self) -> tuple[np.ndarray, int]:
        """Return draws of plain HMC from its start on, and what they cost."""
        label, kind, make = CONTESTANTS["none"][0]
        chains = self._run(label, kind, partial(make, None), steps=NUM_LEARNING)
        spent = sum(chains.counts[name] + chains.warmup_counts[name] for name in COSTS)
        return chains.theta.reshape(-1, SIZE), spent

    def _run(
        self, label: str, kind: str, make: Callable[..., Any], steps: int | None = None
    ) -> Chains:
        kernel = make()
        if kind == "gradient":
            key = self.name, label
            if key not in self._settings:
                self._settings[key] = self._best_settings(make)
            kernel = _aimed(make, *self._settings[key])
        return self._chains(kernel, kind, seed=self.seed, steps=steps)

    def _best_settings(self, make: Callable[..., Any]) -> tuple[float, float]:
        found = {}
        for setting in SETTINGS[:1] if self.quick else SETTINGS:
            chains = self._chains(_aimed(make, *setting), "gradient", seed=1000)
            found[setting] = measure_mixing(chains).worst
        return max(found, key=found.__getitem__)

    def _chains(
        self, kernel: Any, kind: str, *, seed: int, steps: int | None = None
    ) -> Chains:
        shorter = 10 if self.quick else 1
        return run_chains(
            kernel,
            self._target,
            self._exact[-NUM_CHAINS:],
            num_steps=(steps or STEPS[kind]) // shorter,
            num_warmup=WARMUP[kind] // shorter,
            adapt_length=kind == "length by warm-up",
            seed=seed,
        )


def measure_manifold(
    quick: bool,
    *,
    seeds: Iterable[int],
    problems: list[str],
    learned: list[str],
    families: list[str],
    done: list[tuple],
) -> Iterator[tuple]:
    """Yield a row for each target, kind of training draws, contestant and seed.

    Args:
        quick: Short runs.
        seeds: Of training and chains.
        problems: Targets.
        learned: Kinds of training draws.
        families: Those of `CONTESTANTS` to run.
        done: `(target, learned, contestant, seed)` to leave out.
    """
    settings: dict[tuple[str, str], tuple[float, float]] = {}
    for name in problems:
        for seed in seeds:
            manifold = Manifold(name, seed=seed, quick=quick, settings=settings)
            for draws in ("nothing", *learned):
                wanted = [
                    family
                    for family in families
                    if (family == "none") == (draws == "nothing")
                    and not _is_done(family, (name, draws), seed, done)
                ]
                if wanted:
                    yield from manifold.rows(draws, wanted)


def _is_done(family: str, place: tuple, seed: int, done: list[tuple]) -> bool:
    return all((*place, label, seed) in done for label, *_ in CONTESTANTS[family])


def _aimed(make: Callable[..., Any], length: float, acceptance: float) -> Any:
    """Return a kernel whose step size will aim at an acceptance."""
    kernel = part = make(length=length)
    while hasattr(part, "inner"):
        part = part.inner
    part.target_acceptance = acceptance
    return kernel
