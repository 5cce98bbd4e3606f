"""The turnkey samplers and an emcee move on posteriors with known answers."""

__all__ = ["check_emcee", "check_sample", "check_smc"]

from typing import Any

import numpy as np

from flowmc import moves
from flowmc.core.seeds import fold_in, generator, root_seed
from flowmc.results.posterior import Posterior
from flowmc.sampling.sample import sample
from flowmc.sampling.sample_smc import sample_smc
from flowmc.targets import skewed_gaussian
from flowmc.validation.check import Check
from flowmc.validation.estimates import (
    chain_checks,
    evidence_checks,
    weighted_checks,
)
from flowmc.validation.problems import Problem, from_known

Outcome = tuple[list[Check], list[str]]
NUM_WALKERS = 64
TWISTER_WORDS = 624


def check_sample(name: str, problem: Problem, **options: Any) -> Outcome:
    """Run `flowmc.sample`; return checks, and what its verdict says if not good."""
    posterior = sample(problem.target(), **options)
    place = ("sample", name)
    checks = chain_checks(place, posterior.theta, problem.functions, problem.truths)
    checks += evidence_checks(place, posterior.evidence, problem.log_evidence)
    # The verdict on a run that was cut short on purpose says so, and no more.
    return checks, [] if "schedule" in options else _notes(place, posterior)


def check_smc(name: str, problem: Problem, **options: Any) -> Outcome:
    """Run `flowmc.sample_smc`; its weighted draws are judged."""
    posterior = sample_smc(problem.target(), **options)
    place: tuple[str, str] = ("smc", name)
    weighted: Any = posterior.weighted
    checks = weighted_checks(
        place,
        weighted.theta,
        weighted.log_weight,
        problem.functions,
        problem.truths,
    )
    checks += evidence_checks(place, posterior.evidence, problem.log_evidence)
    return checks, _notes(place, posterior)


def check_emcee(
    model: str, *, num_adapt: int, num_steps: int, seed: int
) -> list[Check]:
    """Run emcee with `FlowMove` alone; judge what it draws when it is frozen."""
    import emcee

    known = skewed_gaussian()
    move = moves.FlowMove(model, num_adapt=num_adapt)
    sampler = emcee.EnsembleSampler(
        NUM_WALKERS, 2, known.host_fn, moves=move, vectorize=True
    )
    sampler.random_state = _twister(seed)
    sampler.run_mcmc(known.sample(NUM_WALKERS, seed=seed), num_adapt + num_steps)
    problem = from_known(known)
    return chain_checks(
        ("emcee", f"FlowMove, {model}"),
        sampler.get_chain(discard=move.frozen_at),
        problem.functions,
        problem.truths,
    )


def _twister(seed: int) -> tuple[str, np.ndarray, int]:
    """Return a state of emcee's generator, a Mersenne twister, whole and unread."""
    words = generator(fold_in(root_seed(seed), "emcee")).integers(
        2**32, size=TWISTER_WORDS, dtype=np.uint32
    )
    return "MT19937", words, TWISTER_WORDS


def _notes(place: tuple[str, str], posterior: Posterior) -> list[str]:
    return [
        f"{place[0]}, {place[1]}: verdict: {reason}"
        for reason in posterior.verdict.reasons
    ]
