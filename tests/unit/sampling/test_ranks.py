"""Chains at the target must lie among the weighted draws as these do."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from flowmc.core.records import WindowRecord
from flowmc.sampling.ladder import ladder_error
from flowmc.sampling.smc_checks import _ranks
from flowmc.sampling.state import DrawChunk, RunState

NUM_STATES, NUM_CHAINS, NUM_DRAWS = 4, 400, 20_000
WELL_KNOWN, BADLY_KNOWN = 1e6, 40.0  # effective rows of the ladder's only level


def chunk(position: np.ndarray, proposal: np.ndarray) -> DrawChunk:
    shape = position.shape[:2]
    return DrawChunk(
        position=position,
        log_prob=np.zeros(shape),
        is_accepted=np.ones(shape, bool),
        kernel=np.zeros(len(position), int),
        window=np.zeros(len(position), int),
        proposal=proposal,
        proposal_log_weight=np.zeros(len(proposal)),
    )


def reasons(mean_rank: float, *, rows: float, lost: bool = False) -> list[str]:
    """Compare chains of a mean rank with draws of a uniform law, or of its half."""
    random = np.random.default_rng(0)
    # Ranks of a beta law have the mean that is asked for.
    ranks = stats.beta(1.0, (1.0 - mean_rank) / mean_rank)
    states = ranks.rvs((NUM_STATES, NUM_CHAINS, 1), random_state=random)
    draws = random.uniform(0.5 if lost else 0.0, 1.0, size=(NUM_DRAWS, 1))
    level = WindowRecord("temperature 1", "maf", 6, settings={"ess": rows})
    state = RunState(
        warmup=(chunk(states, draws[:0]),),
        draws=(chunk(states[:0], draws),),
        history=(level,),
    )
    target = SimpleNamespace(names=("a",))
    return list(_ranks(SimpleNamespace(space=SimpleNamespace(target=target)), state))


@pytest.mark.parametrize("rows", [WELL_KNOWN, BADLY_KNOWN])
def test_chains_like_the_draws_give_no_reason(rows):
    assert not reasons(0.5, rows=rows)


@pytest.mark.parametrize("rows", [WELL_KNOWN, BADLY_KNOWN])
def test_draws_that_lack_half_of_the_mass_are_seen(rows):
    """However badly the ladder knows its evidence."""
    (reason,) = reasons(0.5, rows=rows, lost=True)
    assert "misses a region" in reason


def test_a_shift_counts_unless_the_ladder_explains_it():
    assert reasons(0.6, rows=WELL_KNOWN)
    assert not reasons(0.6, rows=BADLY_KNOWN)
    assert reasons(0.7, rows=BADLY_KNOWN)


def test_the_errors_of_the_levels_add_in_squares():
    levels = [
        WindowRecord("temperature", "maf", 6, settings={"ess": size})
        for size in (100.0, 400.0)
    ]
    other = WindowRecord("refine 1", "maf", 6)
    error = ladder_error([*levels, other])
    assert error == pytest.approx(np.sqrt(4.0 / 100.0 + 4.0 / 400.0))
