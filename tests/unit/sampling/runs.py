"""Runs of the adaptive sampler at the smallest size that has every phase in it."""

from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.progress import NullProgress
from flowmc.core.seeds import root_seed
from flowmc.sampling.adaptive import run_adaptive
from flowmc.sampling.budget import Budget
from flowmc.sampling.engine import Engine
from flowmc.sampling.local_kernels import choose_local
from flowmc.sampling.sample import sample
from flowmc.sampling.settings import AnnealSettings, Schedule, TrainSettings
from flowmc.sampling.space import Space
from flowmc.targets import skewed_gaussian

TARGET = skewed_gaussian()
BOUNDS = [(-10.0, 20.0)] * 2  # none of the target's mass is outside
NUM_CHAINS, NUM_DRAWS = 32, 60
SCHEDULE = Schedule(
    windows=(12, 24, 24),
    extra_windows=0,
    num_local=1,
    num_jumps=2,
    adapt_every=6,
    enough_acceptance=1.0,
    max_clusters=1,  # a network this small is to rule here
    anneal=AnnealSettings(particles_per_chain=8, train_steps=100),
    train=TrainSettings(
        max_steps=300,
        learning_rate=1e-2,
        batch_size=128,
        patience=200,
        capacity=4096,
        min_draws_per_parameter=50,
    ),
)
# Nothing to train, no annealing: for tests of what happens around the sampler.
BARE = Schedule(windows=(2,), num_local=1, num_jumps=1)


def small_model() -> Any:
    """Return a network that compiles fast; a run trains it in place."""
    return models.make("maf", event_size=2, num_layers=2, hidden_units=[16])


def run(backend: str, **options: Any) -> Any:
    """Run the sampler on the skewed target; return the posterior."""
    settings: dict[str, Any] = {
        "num_draws": NUM_DRAWS,
        "num_chains": NUM_CHAINS,
        "model": small_model(),
        "schedule": SCHEDULE,
        "seed": 5,
        **options,
    }
    return sample(TARGET.target(backend, bounds=BOUNDS), **settings)


def run_bare(target: Any, **options: Any) -> Any:
    """Run with the affine model from given positions; return the posterior."""
    start = np.random.default_rng(0).normal(size=(8, 2)) * 0.1
    settings: dict[str, Any] = {
        "num_draws": 20,
        "num_chains": 8,
        "model": "gaussian",
        "schedule": BARE,
        "initial": start,
        "seed": 5,
        **options,
    }
    return sample(target, **settings)


def make_engine(backend: str, **options: Any) -> Engine:
    """Return the machinery of `run`, to be used again and again."""
    settings: dict[str, Any] = {
        "model": small_model(),
        "kernel": choose_local("auto", TARGET.target(backend)),
        "schedule": SCHEDULE,
        "num_chains": NUM_CHAINS,
        "seed": root_seed(5),
        "progress": NullProgress(),
        **options,
    }
    return Engine(Space(TARGET.target(backend, bounds=BOUNDS)), **settings)


class Recorder:
    """Stands in for the saver: keeps every state in memory."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def offer(self, state: Any) -> None:
        self.states.append(state)

    save = offer

    def told(self) -> str:
        return "it is in memory."


def advance(
    engine: Engine,
    state: Any,
    *,
    num_draws: int = NUM_DRAWS,
    recorder: Recorder | None = None,
    **limits: Any,
) -> tuple:
    """Run on from a state; return the last state, the reasons, all states."""
    recorder = recorder or Recorder()
    state, reasons = run_adaptive(
        engine,
        state,
        initial=None,
        budget=Budget(num_draws, **limits),
        saver=recorder,
        progress=NullProgress(),
    )
    return state, reasons, recorder.states
