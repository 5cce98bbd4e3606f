"""Settings that spoil a run, to see whether the verdict notices.

Each takes the keyword arguments of `flowmc.sample` and returns worse ones.
"""

__all__ = ["CRIPPLES"]

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from samplers_problems import Problem

from flowmc import models
from flowmc.sampling.settings import Schedule


def _few_draws(problem: Problem, settings: dict, seed: int) -> dict[str, Any]:
    return {**settings, "num_draws": 32}


def _few_chains(problem: Problem, settings: dict, seed: int) -> dict[str, Any]:
    return {**settings, "num_draws": 100, "num_chains": 4}


def _trapped(problem: Problem, settings: dict, seed: int) -> dict[str, Any]:
    """Start everywhere in one place, with one short window of warm-up."""
    initial = problem.trap(np.random.default_rng([seed, 2]))
    return {**settings, "initial": initial, "schedule": Schedule(windows=(2,))}


def _broken_flow(problem: Problem, settings: dict, seed: int) -> dict[str, Any]:
    """Give a network with wild weights and one step of training a window."""
    model = models.make("maf", event_size=problem.truth.event_size, seed=seed)
    random = np.random.default_rng([seed, 3])
    for variable in model.trainable_variables:
        variable.assign_add(0.5 * random.normal(size=variable.shape))
    train = replace(Schedule().train, max_steps=1)
    return {**settings, "model": model, "schedule": Schedule(train=train)}


def _few_evaluations(problem: Problem, settings: dict, seed: int) -> dict[str, Any]:
    return {**settings, "max_evaluations": 10_000}


CRIPPLES: dict[str, Callable[[Problem, dict, int], dict[str, Any]]] = {
    "few draws": _few_draws,
    "few chains": _few_chains,
    "trapped": _trapped,
    "broken flow": _broken_flow,
    "few evaluations": _few_evaluations,
}
