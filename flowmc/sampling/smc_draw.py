"""The end of `sample_smc`: fresh draws of the frozen proposal, evaluated and weighted.

    Z = mean of pi(x_i) / q(x_i),    x_i ~ q, independent

Nothing that was drawn while the map still changed has a part in it.  Draws outside the
support have weight zero, and count.
"""

__all__ = [
    "draw",
    "effective_draws",
    "give_back",
    "log_q_of",
    "next_batch",
    "weights_so_far",
]

import math
from dataclasses import replace
from typing import Any

import numpy as np

from flowmc.core.seeds import fold_in
from flowmc.sampling.annealing import Annealer
from flowmc.sampling.engine import Engine
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.space import Space
from flowmc.sampling.state import DrawChunk, RunState, join_chunks
from flowmc.sampling.sweep import JUMP
from flowmc.sampling.temper import effective_sample_size

MOST_AT_ONCE = 8192
LEAST_AT_ONCE = 256
FIRST_AT_ONCE = 2048  # which show whether the map is fit to be drawn from
LIKELY = 0.5  # effective draws for each proposal, where nothing was measured


def next_batch(state: RunState, *, wanted: float, room: float) -> int:
    """Return how many draws to make next; 0 if the budget leaves no room.

    Args:
        state: In the phase "draw".
        wanted: Effective draws in all.
        room: Evaluations that are left; infinite without a limit.
    """
    log_weight = weights_so_far(state)
    done = effective_sample_size(log_weight) if len(log_weight) else 0.0
    rate = done / len(log_weight) if done else state.scalars.get("efficiency", LIKELY)
    missing = (wanted - done) / max(rate, 1e-3)
    most = MOST_AT_ONCE if len(log_weight) else FIRST_AT_ONCE
    count = int(np.clip(math.ceil(missing), LEAST_AT_ONCE, most))
    return count if count <= room else int(max(room, 0))


def draw(engine: Engine, state: RunState, *, count: int) -> RunState:
    """Make `count` draws of the frozen proposal and evaluate them."""
    space, seed = engine.space, draw_seed(engine, state)
    x, log_q = (
        tensor.numpy()
        for tensor in engine.learner.proposal.sample_and_log_prob(count, seed=seed)
    )
    log_prob = np.full(count, -np.inf)
    usable = np.isfinite(x).all(axis=1) & np.isfinite(log_q)
    theta, log_det = space.to_theta(x[usable])
    value = space.target.log_prob(theta)
    # Far out the log-det may overflow; zero density stays zero.
    with np.errstate(invalid="ignore"):
        log_prob[usable] = np.where(np.isneginf(value), value, value + log_det)
    log_prob = np.where(np.isnan(log_prob), -np.inf, log_prob)
    log_weight = np.where(np.isneginf(log_prob), -np.inf, log_prob - log_q)
    chunk = DrawChunk(
        position=x[:, None],
        log_prob=log_prob[:, None],
        is_accepted=np.isfinite(log_weight)[:, None],
        kernel=np.full(count, JUMP),
        window=np.full(count, len(state.history)),
        proposal=x,
        proposal_log_weight=log_weight,
    )
    return replace(state, unit=state.unit + 1, draws=(*state.draws, chunk))


def draw_seed(engine: Engine, state: RunState) -> Any:
    """Return the seed of the next batch, of its own for every frozen map."""
    returns = int(state.scalars.get("returns", 0))
    return fold_in(engine.seed, "draw", returns, state.unit)


def give_back(annealer: Annealer, space: Space, state: RunState) -> None:
    """Let the annealer learn from final draws, which are then no longer final."""
    chunk = join_chunks(state.draws)
    usable = np.isfinite(chunk.proposal).all(axis=1)
    x, log_prob = chunk.proposal[usable], chunk.log_prob[usable, 0]
    log_weight = chunk.proposal_log_weight[usable]
    with np.errstate(invalid="ignore"):
        log_q = np.where(np.isneginf(log_weight), 0.0, log_prob - log_weight)
    annealer.recycled.add(x, log_prob, space.log_reference(x), log_q)


def weights_so_far(state: RunState) -> np.ndarray:
    """Return the log weights of all final draws `[n]`."""
    if not state.draws:
        return np.empty(0)
    return np.concatenate([chunk.proposal_log_weight for chunk in state.draws])


def effective_draws(state: RunState) -> float:
    """Return Kish's effective number of the final draws."""
    return effective_sample_size(weights_so_far(state))


def log_q_of(engine: Engine, x: np.ndarray) -> np.ndarray:
    """Return the frozen proposal's log-density at `x` `[n, D]`."""
    (log_q,) = in_batches(engine.learner.proposal.log_prob, x)
    return log_q
