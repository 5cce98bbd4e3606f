"""Columns of a `Posterior` from the state of a finished run, in theta."""

__all__ = [
    "cost_of",
    "derived_of",
    "domain_of",
    "log_likelihood_of",
    "theta_of",
    "warmup_of",
    "weighted_of",
]

from typing import Any

import numpy as np

from flowmc.core.records import Cost, WeightedDraws
from flowmc.results.posterior import WarmupDraws
from flowmc.sampling.space import Space
from flowmc.sampling.state import DrawChunk, RunState, join_chunks


def cost_of(state: RunState) -> Cost:
    """Return the ledger of a run."""
    seconds = dict(state.seconds)
    seconds["total"] = sum(seconds.get(k, 0.0) for k in ("compile", "train", "sample"))
    return Cost(
        log_prob_calls=state.num_log_prob,
        gradient_calls=state.num_gradient,
        seconds=seconds,
    )


def domain_of(space: Space) -> dict[str, Any]:
    """Return the parameters' bounds, and which are circular, for `config`."""
    target = space.target
    periodic = [target.names[index] for index in target.periodic]
    return {"bounds": target.bounds.tolist(), "periodic": periodic}


def theta_of(space: Space, chunk: DrawChunk, keep: int) -> tuple:
    """Return draws and log-densities in theta, the first `keep` of a chunk."""
    x, log_prob = chunk.position[:keep], chunk.log_prob[:keep]
    theta, log_det = space.to_theta(x.reshape(-1, space.event_size))
    return theta.reshape(x.shape), log_prob - log_det.reshape(log_prob.shape)


def weighted_of(space: Space, chunk: DrawChunk) -> WeightedDraws:
    """Return the scored proposals inside the support."""
    inside = np.isfinite(chunk.proposal_log_weight)
    theta, _ = space.to_theta(chunk.proposal[inside])
    log_weight = chunk.proposal_log_weight[inside]
    return WeightedDraws(theta, log_weight, num_proposals=len(inside))


def warmup_of(space: Space, state: RunState) -> WarmupDraws | None:
    """Return the draws made while adapting, None if there are none."""
    if not state.warmup:
        return None
    chunk = join_chunks(state.warmup)
    theta, log_prob = theta_of(space, chunk, len(chunk.position))
    return WarmupDraws(theta, log_prob, chunk.window)


def log_likelihood_of(space: Space, theta, log_prob) -> np.ndarray | None:
    """Return the log-likelihood of draws, None where the pair is not known."""
    target = space.target
    if not target.has_prior or not target.has_likelihood:
        return None
    flat = theta.reshape(-1, space.event_size)
    return log_prob - target.log_prior(flat).reshape(log_prob.shape)


def derived_of(space: Space, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Return the derived quantities of draws, by name."""
    flat = theta.reshape(-1, space.event_size)
    shape = theta.shape[:2]
    values = space.target.compute_derived(flat)
    return {name: np.reshape(value, shape) for name, value in values.items()}
