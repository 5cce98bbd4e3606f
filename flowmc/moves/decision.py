"""The accept/reject of every learning move, for all walkers or for one half of them.

A proposal kernel that is reversible with respect to a density q is accepted with

    log ratio = [log pi(x') - log q(x')] - [log pi(x) - log q(x)]

An independence jump is reversible with respect to what it draws from; a walk in z with
respect to |det dz/dx| or to a Student-t in z.
"""

__all__ = ["Outcome", "decide", "log_factor", "red_blue"]

from collections.abc import Callable
from typing import Any, NamedTuple

import emcee
import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.moves.compiled_proposal import Scored
from flowmc.moves.evaluation import evaluate_where
from flowmc.moves.tally import Tally

_MOVE = emcee.moves.Move()  # whose `update` knows how emcee stores accepted rows
# (rows that move [n] of bool) -> their proposals
Propose = Callable[[np.ndarray], Scored]


class Outcome(NamedTuple):
    """What became of one proposal a walker."""

    state: emcee.State
    accepted: np.ndarray  # [num_walkers], False for those that had no turn
    log_ratio: np.ndarray  # [num_moving], -inf or NaN where nothing could be accepted
    num_masked: int  # proposals that the user's function never saw
    num_unscored: int  # walkers that could not be scored, and stayed

    @property
    def acceptance(self) -> float:
        """Mean acceptance probability of the proposals."""
        known = np.where(np.isnan(self.log_ratio), -np.inf, self.log_ratio)
        return float(np.mean(np.exp(np.minimum(known, 0.0))))


def log_factor(scored: Scored) -> np.ndarray:
    """Return log q(x) - log q(x') `[n]`, -inf where the walker has no log q."""
    is_known = np.isfinite(scored.log_q_current)
    return np.where(is_known, scored.log_q_current - scored.log_q, -np.inf)


def decide(
    model: Any,
    state: emcee.State,
    scored: Scored,
    *,
    is_inside: Callable[[np.ndarray], np.ndarray],
    factor: np.ndarray | None = None,
    moving: np.ndarray | None = None,
) -> Outcome:
    """Accept or reject one proposal for each walker whose turn it is.

    Args:
        model: emcee's `Model`: the function and the generator.
        state: The ensemble; changed in place, as emcee's own moves do.
        scored: Proposals of the walkers that move.
        is_inside: Which points `[n, D]` are finite and inside the bounds.
        factor: log q(x) - log q(x') `[n]`; by default that of `scored`.
        moving: Which walkers have their turn `[num_walkers]`; None for all.

    Raises:
        ConfigurationError: The factor has not one entry a proposal.
        LogProbError: The log-density is +inf somewhere.
    """
    if moving is None:
        moving = np.ones(len(state.coords), dtype=bool)
    factor = log_factor(scored) if factor is None else np.asarray(factor)
    if factor.shape != (len(scored.points),):
        raise ConfigurationError(
            "A move's factor must have one entry a proposal, "
            f"[{len(scored.points)}]; got shape {list(factor.shape)}."
        )
    usable = is_inside(scored.points) & np.isfinite(scored.log_q)
    log_prob, blobs = evaluate_where(model.compute_log_prob_fn, scored.points, usable)
    current = state.log_prob[moving]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = log_prob - current + factor
        log_uniform = np.log(model.random.rand(len(usable)))
    # A walker at zero density may go anywhere, wherever q would have put it.
    is_lost = np.isneginf(current) & np.isfinite(log_prob)
    accepted = np.zeros(len(moving), dtype=bool)
    accepted[moving] = (log_uniform < log_ratio) | is_lost
    proposed = emcee.State(scored.points, log_prob=log_prob, blobs=blobs)
    state = _MOVE.update(state, proposed, accepted, moving)
    num_unscored = int((~np.isfinite(scored.log_q_current)).sum())
    return Outcome(state, accepted, log_ratio, int((~usable).sum()), num_unscored)


def red_blue(
    model: Any,
    state: emcee.State,
    *,
    propose: Propose,
    is_inside: Callable[[np.ndarray], np.ndarray],
    tally: Tally,
) -> tuple[emcee.State, np.ndarray]:
    """Move one random half of the walkers, then the other, each with the rest at rest.

    The halves are drawn as emcee draws them: numbers 0, 1, 0, ... in random order.

    Args:
        model: emcee's `Model`.
        state: The ensemble; changed in place.
        propose: Makes the proposals of a half; called again after the first half has
            moved.
        is_inside: As in `decide`.
        tally: Where the step is entered.
    """
    half = np.arange(len(state.coords)) % 2
    model.random.shuffle(half)
    accepted = np.zeros(len(half), dtype=bool)
    num_masked = num_unscored = 0
    for turn in range(2):
        moving = half == turn
        scored = propose(moving)
        outcome = decide(model, state, scored, is_inside=is_inside, moving=moving)
        state = outcome.state
        accepted |= outcome.accepted
        num_masked += outcome.num_masked
        num_unscored += outcome.num_unscored
    tally.count(accepted, num_masked=num_masked, num_unscored=num_unscored)
    return state, accepted
