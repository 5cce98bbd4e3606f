"""Recycled proposals: weights at any temperature, what is missed, what is forgotten."""

import numpy as np
import pytest
from scipy import stats

from flowmc.sampling.ladder import Ladder
from flowmc.sampling.recycled import MOST_SETS, Recycled, pooled
from flowmc.sampling.temper import effective_sample_size, truncate

LOG_Z = -3.0  # of the target, a normal law around 1
REFERENCE = stats.norm(0.0, 3.0)
PROPOSAL = stats.norm(0.5, 2.0)


def log_target(x):
    return LOG_Z + stats.norm(1.0, 1.0).logpdf(x[:, 0])


def evidence_at(b):
    """Log of the integral of reference^(1-b) target^b, on a fine grid."""
    x = np.linspace(-30.0, 30.0, 60_001)[:, None]
    log_density = (1.0 - b) * REFERENCE.logpdf(x[:, 0]) + b * log_target(x)
    return float(np.log(np.exp(log_density).sum() * (x[1, 0] - x[0, 0])))


def add_draws(recycled, count=20_000, *, law=PROPOSAL, seed=0):
    x = law.rvs(size=(count, 1), random_state=np.random.default_rng(seed))
    log_q = law.logpdf(x[:, 0])
    recycled.add(x, log_target(x), REFERENCE.logpdf(x[:, 0]), log_q)
    return x


@pytest.mark.parametrize("b", [0.0, 0.3, 1.0])
def test_each_set_is_weighted_for_any_temperature(b):
    recycled = Recycled(1)
    add_draws(recycled)
    (rows,) = recycled.sets(b)
    weight = np.exp(rows.log_weight - rows.log_weight.max())
    error = weight.std() / weight.mean() / np.sqrt(len(weight))
    assert abs(rows.log_evidence - evidence_at(b)) < 4.0 * error < 0.05
    assert rows.size == pytest.approx(effective_sample_size(truncate(rows.log_weight)))


def test_rows_of_zero_density_count_among_the_draws():
    recycled = Recycled(1)
    x = PROPOSAL.rvs(size=(20_000, 1), random_state=np.random.default_rng(1))
    value = np.where(x[:, 0] > 1.0, log_target(x), -np.inf)
    recycled.add(x, value, REFERENCE.logpdf(x[:, 0]), PROPOSAL.logpdf(x[:, 0]))
    (rows,) = recycled.sets(1.0)
    assert rows.log_evidence == pytest.approx(LOG_Z - np.log(2.0), abs=0.05)


def test_a_set_without_any_density_is_left_out():
    recycled = Recycled(1)
    x = np.zeros((10, 1))
    recycled.add(x, np.full(10, -np.inf), np.zeros(10), np.zeros(10))
    assert recycled.sets(1.0) == []


def test_what_a_proposal_misses_is_found_with_its_mass():
    recycled = Recycled(1)
    add_draws(recycled)

    def one_sided(x):
        """A proposal that hardly goes above 2, where 16 % of the target lies."""
        return np.where(x[:, 0] > 2.0, -40.0, PROPOSAL.logpdf(x[:, 0]))

    (rows,) = recycled.rare(1.0, one_sided, log_evidence=LOG_Z)
    assert rows.size == pytest.approx(stats.norm.sf(1.0), abs=0.01)
    assert (rows.x > 2.0).all()
    (rows,) = recycled.rare(1.0, lambda x: PROPOSAL.logpdf(x[:, 0]), log_evidence=LOG_Z)
    assert rows.size < 1e-3


def test_the_oldest_sets_are_forgotten():
    recycled = Recycled(1)
    for number in range(MOST_SETS + 3):
        add_draws(recycled, 50, seed=number)
    assert len(recycled.sets(1.0)) == MOST_SETS
    last = recycled.last(1.0)
    assert last is not None
    assert len(last.x) == 50


def test_arrays_bring_everything_back():
    recycled, again = Recycled(1), Recycled(1)
    add_draws(recycled, 100)
    add_draws(recycled, 100, seed=1)
    again.from_arrays(recycled.to_arrays())
    add_draws(recycled, 100, seed=2)
    add_draws(again, 100, seed=2)
    for one, other in zip(recycled.sets(0.5), again.sets(0.5), strict=True):
        np.testing.assert_array_equal(one.log_weight, other.log_weight)
    assert len(again.sets(0.5)) == 3


def test_states_and_proposals_are_pooled_by_what_they_are_worth():
    ladder, recycled = Ladder(1), Recycled(1)
    x = REFERENCE.rvs(size=(4000, 1), random_state=np.random.default_rng(3))
    ladder.add(x, log_target(x), REFERENCE.logpdf(x[:, 0]), b=0.0, log_evidence=0.0)
    add_draws(recycled, 4000)
    known = pooled(ladder, recycled, 1.0)
    assert len(known.x) == 8000
    weight = np.exp(known.log_weight)
    assert weight.sum() == pytest.approx(1.0)
    # A state counts for a quarter of a draw; the proposals fit better besides.
    assert weight[:4000].sum() < 0.25
    mean = np.sum(weight * known.x[:, 0])
    assert mean == pytest.approx(1.0, abs=0.08)
    assert known.log_evidence == pytest.approx(LOG_Z, abs=0.08)


def test_a_set_that_met_a_far_region_keeps_its_say():
    """Shares by effective draws of raw weights lose half as much again."""
    narrow, count, found = stats.norm(2.5, 0.75), 500, {"raw": [], "truncated": []}
    for repeat in range(100):
        recycled = Recycled(1)
        for number in range(MOST_SETS):
            seed = repeat * MOST_SETS + number
            add_draws(recycled, count, law=narrow, seed=seed)
        sets = recycled.sets(1.0)
        evidence = np.exp([rows.log_evidence - LOG_Z for rows in sets])
        raw = [effective_sample_size(rows.log_weight) for rows in sets]
        truncated = [rows.size for rows in sets]
        found["raw"].append(np.average(evidence, weights=raw))
        found["truncated"].append(np.average(evidence, weights=truncated))
    lost = {name: 1.0 - np.mean(values) for name, values in found.items()}
    assert lost["raw"] > 0.12
    assert lost["truncated"] < 0.65 * lost["raw"]
