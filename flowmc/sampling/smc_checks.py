"""Where a weighted sample may be wrong without its weights telling.

Importance weights know only where the proposal went.  What it missed shows in the
states that the sweeps visited at the target, by local steps that need no proposal: if
they lie where it hardly ever draws, or have other means than the weighted draws, the
answer is not to be trusted.
"""

__all__ = ["is_unfit", "reasons_against"]

from collections.abc import Iterator

import numpy as np

from flowmc.results.importance import pareto_shape
from flowmc.results.verdict import PARETO_K_LIMIT
from flowmc.sampling.engine import Engine
from flowmc.sampling.groups import UNSEEN_LIMIT
from flowmc.sampling.ladder import ladder_error
from flowmc.sampling.parts import part_of, spread
from flowmc.sampling.recycled import RARE, Recycled
from flowmc.sampling.smc_draw import log_q_of, weights_so_far
from flowmc.sampling.smc_refresh import untouched
from flowmc.sampling.state import RunState, join_chunks

SIGMAS = 5.0  # of a mean rank
RANK_SPREAD = 0.5  # of a mean rank, for an error of 1 in the ladder's ln Z
MOST_SPREAD = 0.1  # of a mean rank, that is put down to the ladder
LEAST_SHIFT = 0.05  # of a mean rank that is told
LEAST_FIRST = 32  # draws of the reference that an annealing can start from
MOST_COMPARED = 2048
MIN_STATES = 100
MOST_LOOKED_AT = 6  # sets of proposals, the newest


def reasons_against(engine: Engine, state: RunState) -> list[str]:
    """Return why the weighted draws of a finished run may not be trusted."""
    return [
        *_start(state),
        *_weights(state),
        *_unseen(engine, state),
        *_missed(engine, state),
        *_ranks(engine, state),
    ]


def is_unfit(engine: Engine, state: RunState) -> bool:
    """Whether the draws so far show that the frozen map is not what to draw from."""
    found = (_weights(state), _unseen(engine, state), _missed(engine, state))
    return any(any(reasons) for reasons in found)


def _start(state: RunState) -> Iterator[str]:
    reached = state.scalars["inverse_temperature"]
    if reached < 1.0:
        yield (
            "The particles must reach the target, at inverse temperature 1; they "
            f"stopped at {reached:.2g}. Raise `max_evaluations` or `max_seconds`, or "
            "use fewer particles."
        )
    first = state.scalars["first_draws"]
    if first < LEAST_FIRST:
        yield (
            f"At least {LEAST_FIRST} draws of the reference must have a density; only "
            f"{first:.0f} had. Narrow the prior or the bounds, or raise "
            "`num_particles`."
        )
    if not state.warmup and reached >= 1.0:
        yield (
            "Draws of the proposal must be compared with states of chains at the "
            "target; the budget ended before there were any. Raise `max_evaluations`."
        )


def _weights(state: RunState) -> Iterator[str]:
    log_weight = weights_so_far(state)
    if not np.isfinite(log_weight).any():
        yield (
            "Some draw of the proposal must have a density; none of "
            f"{len(log_weight)} had. Raise `max_evaluations`."
        )
        return
    shape = pareto_shape(log_weight)
    if not shape <= PARETO_K_LIMIT:
        yield (
            f"Pareto k of the importance weights must be at most {PARETO_K_LIMIT}; it "
            f"is {shape:.2f}. Raise `num_particles`, or use a richer `model`."
        )


def _unseen(engine: Engine, state: RunState) -> Iterator[str]:
    """Look for states at the target where the proposal hardly goes."""
    x, log_prob = _states(state)
    log_weight = weights_so_far(state)
    if len(x) < MIN_STATES or not np.isfinite(log_weight).any():
        return
    log_ratio = log_prob - log_q_of(engine, x)
    log_evidence = np.logaddexp.reduce(log_weight) - np.log(len(log_weight))
    share = float(np.mean(log_ratio - log_evidence > np.log(RARE)))
    if share > UNSEEN_LIMIT:
        yield (
            f"The proposal must draw where chains go; {share:.1%} of their states at "
            "the target lie where it hardly ever does. A region is missing or too "
            "thin in the weighted draws: raise `num_particles`."
        )


def _missed(engine: Engine, state: RunState) -> Iterator[str]:
    """Look for regions that earlier maps met, and the frozen one hardly proposes."""
    arrays, log_weight = part_of(state.learned, "recycled"), weights_so_far(state)
    if not arrays or not np.isfinite(log_weight).any():
        return
    recycled = Recycled(engine.space.event_size)
    recycled.from_arrays(arrays)
    log_evidence = float(np.logaddexp.reduce(log_weight) - np.log(len(log_weight)))
    found = recycled.rare(1.0, lambda x: log_q_of(engine, x), log_evidence=log_evidence)
    mass = max((rows.size for rows in found[-MOST_LOOKED_AT:]), default=0.0)
    if mass > UNSEEN_LIMIT:
        yield (
            "The proposal must draw wherever earlier ones found the posterior; "
            f"{mass:.1%} of it lies where this one hardly ever does. A region is "
            "missing or too thin in the weighted draws: raise `num_particles`."
        )


def _ranks(engine: Engine, state: RunState) -> Iterator[str]:
    """Compare the ranks of the chains' states among the weighted draws with uniform."""
    log_weight = weights_so_far(state)
    if not state.warmup or not np.isfinite(log_weight).any():
        return
    states = state.warmup[-1].position  # [num_states, num_chains, D]
    states = states[:, untouched(states.shape[1])]
    weight = np.exp(log_weight - log_weight.max())
    x, weight = join_chunks(state.draws).proposal[weight > 0.0], weight[weight > 0.0]
    # Chains that came out of the ladder share its error in the mass of a region.
    shared = min(RANK_SPREAD * ladder_error(state.history), MOST_SPREAD)
    for index, name in enumerate(engine.space.target.names):
        order = np.argsort(x[:, index])
        below = np.cumsum(weight[order]) / weight.sum()
        place = np.searchsorted(x[order, index], states[..., index])
        by_chain = np.append(0.0, below)[place].mean(axis=0)
        error = by_chain.std(ddof=1) / np.sqrt(len(by_chain))
        shift = abs(by_chain.mean() - 0.5)
        if shift > max(SIGMAS * error + shared, LEAST_SHIFT):
            yield (
                "Chains at the target must lie among the weighted draws as these do; "
                f"in `{name}` the mean rank of their states is {by_chain.mean():.2f} "
                "instead of 0.50. One of them misses a region: raise "
                "`num_particles`."
            )
            return


def _states(state: RunState) -> tuple[np.ndarray, np.ndarray]:
    """Return states at the target, `[n, D]`, and their log-densities."""
    if not state.warmup:
        return np.empty((0, 0)), np.empty(0)
    last = state.warmup[-1]
    own = untouched(last.position.shape[1])
    x = last.position[:, own].reshape(-1, last.position.shape[-1])
    log_prob = last.log_prob[:, own].reshape(-1)
    return spread(x, MOST_COMPARED), spread(log_prob, MOST_COMPARED)
