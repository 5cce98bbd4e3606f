"""ESS per evaluation of ways to use one proposal, beside theory.

Flows of several qualities, inside the defensive mixture, propose for Rosenbrock-10.
Chains start from exact draws, so the ESS follows from the scatter of their means
alone.  Theory takes log pi/q as normal: its variance is then twice the KL, and what a
chain stays at depends on the present weight alone.
"""

__all__ = ["measure_proposals", "theory"]

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy import special

from flowmc import fit, kernels, models, targets
from flowmc.sampling.chains import run_chains

SIZE, FAMILY = 10, "maf"
NUM_CHAINS, NUM_EVALUATIONS = 256, 2048  # evaluations of each chain
NUM_TRIES = (2, 8, 32)
NUM_STEPS = (2000, 500, 250, 120, 60)  # of training, from good to bad
NUM_WEIGHTED, CHUNK = 100_000, 10_000
TARGET = targets.rosenbrock(SIZE, prior=None)


class Quality(NamedTuple):
    """What is true of a proposal whatever uses it."""

    divergence: float  # KL(target, proposal) in nats
    log_weights: np.ndarray  # of its draws
    largest: float  # log10 of the largest pi/q of exact draws


def measure_proposals(quick: bool) -> Iterator[tuple]:
    """Yield a row for each flow and way to use it."""
    exact = TARGET.sample(10_000, seed=1)
    for num_steps in NUM_STEPS[1:2] if quick else NUM_STEPS:
        flow = models.make(FAMILY, event_size=SIZE, seed=0)
        fit(flow, exact, seed=0, max_steps=num_steps)
        mixture = models.defensive(flow)
        mixture.fit_tails(exact)
        quality = judge(mixture)
        for way, num_tries in _ways():
            expected = theory(quality.divergence, num_tries)
            if way == "weighting":
                found = None, _kish(quality.log_weights)
            else:
                found = _run(way, num_tries, mixture, quick=quick)
            yield (
                num_steps,
                quality.divergence,
                quality.largest,
                way if num_tries <= 1 else f"{way} {num_tries}",
                *("none" if cell is None else cell for cell in (*found, *expected)),
            )


def judge(proposal: Any) -> Quality:
    """Score a proposal on exact draws and its own."""
    exact = TARGET.sample(NUM_WEIGHTED, seed=2)
    log_prob = tf.function(TARGET.graph_fn, jit_compile=True)
    log_q = tf.function(proposal.log_prob, jit_compile=True)
    draw = tf.function(
        lambda seed: proposal.sample_and_log_prob(CHUNK, seed=seed), jit_compile=True
    )
    under_target, under_proposal = [], []
    for index in range(NUM_WEIGHTED // CHUNK):
        x = tf.constant(exact[index * CHUNK : (index + 1) * CHUNK])
        under_target.append(log_prob(x) - log_q(x))
        x, density = draw(tf.constant([3, index]))
        under_proposal.append(log_prob(x) - density)
    at_target = np.concatenate(under_target) - TARGET.log_evidence
    weights = np.concatenate(under_proposal) - TARGET.log_evidence
    largest = float(at_target.max() / math.log(10.0))
    return Quality(float(at_target.mean()), weights, largest)


def theory(divergence: float, num_tries: int) -> tuple[float | None, float]:
    """Return acceptance and ESS per evaluation for log-normal weights.

    Args:
        divergence: KL in nats.
        num_tries: 0 for weighting, 1 for independence, else i-SIR with as many.
    """
    variance = 2.0 * divergence
    if num_tries == 0:
        return None, math.exp(-variance)
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses /= masses.sum()
    present = 0.5 * variance + math.sqrt(variance) * nodes  # log weights under pi
    if num_tries == 1:
        leave = _leave_by_metropolis(present, variance)
    else:
        normal = np.random.default_rng(0).normal(size=(20_000, num_tries))
        others = np.exp(-0.5 * variance + math.sqrt(variance) * normal).sum(axis=1)
        leave = np.array([np.mean(others / (others + math.exp(w))) for w in present])
    # A mean over the chain: 1 + 2 sum of E (1 - leave)^k, function and weight apart.
    time = float(masses @ (2.0 / leave - 1.0))
    return float(masses @ leave), 1.0 / (time * num_tries)


def _leave_by_metropolis(present: np.ndarray, variance: float) -> np.ndarray:
    """Return E min(1, w'/w) over proposals, log w' normal around -variance / 2."""
    sd = math.sqrt(variance)
    above = special.ndtr((-0.5 * variance - present) / sd)
    below = special.ndtr((present - 0.5 * variance) / sd)
    return above + np.exp(-present) * below


def _ways() -> list[tuple[str, int]]:
    return [
        ("weighting", 0),
        ("independence", 1),
        *(("i-SIR", number) for number in NUM_TRIES),
    ]


def _run(way: str, num_tries: int, proposal: Any, *, quick: bool) -> tuple:
    """Return acceptance and ESS per evaluation of chains that start in equilibrium."""
    if way == "independence":
        kernel = kernels.make("independence", model=proposal)
    else:
        kernel = kernels.make("multiple_try", model=proposal, num_proposals=num_tries)
    chains = run_chains(
        kernel,
        TARGET.target(),
        TARGET.sample(NUM_CHAINS, seed=4),
        num_steps=(NUM_EVALUATIONS // 8 if quick else NUM_EVALUATIONS) // num_tries,
        seed=5,
    )
    offsets = (chains.theta - TARGET.mean) / TARGET.standard_deviation
    functions = np.concatenate([offsets, offsets**2 - 1.0], axis=-1)
    scatter = np.mean(functions.mean(axis=0) ** 2, axis=0)  # of the chains' means
    size = np.mean(functions**2, axis=(0, 1))
    ess_per_step = float(np.mean(size) / (len(functions) * np.mean(scatter)))
    return float(chains.acceptance.mean()), ess_per_step / num_tries


def _kish(log_weights: np.ndarray) -> float:
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / np.sum(weights**2) / len(weights))
