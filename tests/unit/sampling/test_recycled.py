"""Recycled proposals: weights at any temperature, what is missed, what is forgotten."""

import numpy as np
import pytest
from scipy import stats

from flowmc.sampling.ladder import Ladder
from flowmc.sampling.recycled import MOST_SETS, Recycled, pooled

LOG_Z = -3.0  # of the target, a normal law around 1
REFERENCE = stats.norm(0.0, 3.0)


def log_target(x):
    return LOG_Z + stats.norm(1.0, 1.0).logpdf(x[:, 0])


def evidence_at(b):
    """Log of the integral of reference^(1-b) target^b, on a fine grid."""
    x = np.linspace(-30.0, 30.0, 60_001)[:, None]
    log_density = (1.0 - b) * REFERENCE.logpdf(x[:, 0]) + b * log_target(x)
    return float(np.log(np.exp(log_density).sum() * (x[1, 0] - x[0, 0])))


class Law:
    """A proposal whose arrays say which law it is."""

    def __init__(self, location, scale):
        self.law = stats.norm(location, scale)

    def log_prob(self, x):
        return self.law.logpdf(x[:, 0])

    def to_arrays(self):
        return dict(zip(("location", "scale"), self.law.args, strict=True))

    @classmethod
    def make(cls, arrays):
        return cls(arrays["location"], arrays["scale"])


PROPOSAL = Law(0.5, 2.0)


def add_draws(recycled, count=20_000, *, proposal=PROPOSAL, seed=0, value=log_target):
    random = np.random.default_rng(seed)
    x = proposal.law.rvs(size=(count, 1), random_state=random)
    reference, log_q = REFERENCE.logpdf(x[:, 0]), proposal.log_prob(x)
    recycled.add(x, value(x), reference, log_q, proposal=proposal)


@pytest.mark.parametrize("b", [0.0, 0.3, 1.0])
def test_draws_are_weighted_for_any_temperature(b):
    recycled = Recycled(1)
    add_draws(recycled)
    rows = recycled.weighted(b)
    weight = np.exp(rows.log_weight - rows.log_weight.max())
    error = weight.std() / weight.mean() / np.sqrt(len(weight))
    assert abs(rows.log_evidence - evidence_at(b)) < 4.0 * error < 0.05
    assert rows.size == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_draws_of_several_maps_are_those_of_their_mixture():
    recycled, laws = Recycled(1), (Law(-2.0, 1.0), Law(1.5, 0.5), Law(0.0, 4.0))
    counts = (4000, 8000, 2000)
    for number, (law, count) in enumerate(zip(laws, counts, strict=True)):
        add_draws(recycled, count, proposal=law, seed=number)
    rows = recycled.weighted(1.0)
    shares = np.array(counts) / sum(counts)
    mixture = sum(
        s * np.exp(law.log_prob(rows.x)) for s, law in zip(shares, laws, strict=True)
    )
    expected = log_target(rows.x) - np.log(mixture)
    np.testing.assert_allclose(rows.log_weight, expected, rtol=1e-12)
    weight = np.exp(rows.log_weight)
    error = weight.std() / weight.mean() / np.sqrt(len(weight))
    assert abs(rows.log_evidence - LOG_Z) < 4.0 * error < 0.05


def test_a_map_that_misses_much_does_not_rule_the_others_out():
    """Alone, draws of a narrow map would have weights without bound."""
    alone, both = Recycled(1), Recycled(1)
    narrow = Law(1.0, 0.35)
    add_draws(alone, proposal=narrow)
    add_draws(both, proposal=narrow)
    add_draws(both, seed=1)
    assert both.weighted(1.0).size > 10.0 * alone.weighted(1.0).size
    assert both.weighted(1.0).size > 20_000


def test_rows_of_zero_density_count_among_the_draws():
    recycled = Recycled(1)
    add_draws(recycled, value=lambda x: np.where(x[:, 0] > 1, log_target(x), -np.inf))
    rows = recycled.weighted(1.0)
    assert rows.log_evidence == pytest.approx(LOG_Z - np.log(2.0), abs=0.05)


def test_without_any_density_nothing_is_said():
    recycled = Recycled(1)
    assert recycled.weighted(1.0) is None
    add_draws(recycled, 10, value=lambda x: np.full(len(x), -np.inf))
    assert recycled.weighted(1.0) is None
    assert recycled.rare(1.0, PROPOSAL.log_prob, log_evidence=LOG_Z) is None


def test_what_a_proposal_misses_is_found_with_its_mass():
    recycled = Recycled(1)
    add_draws(recycled)

    def one_sided(x):
        """A proposal that hardly goes above 2, where 16 % of the target lies."""
        return np.where(x[:, 0] > 2.0, -40.0, PROPOSAL.log_prob(x))

    rows = recycled.rare(1.0, one_sided, log_evidence=LOG_Z)
    assert rows.size == pytest.approx(stats.norm.sf(1.0), abs=0.01)
    assert (rows.x > 2.0).all()
    assert recycled.rare(1.0, PROPOSAL.log_prob, log_evidence=LOG_Z) is None


def test_the_oldest_sets_are_forgotten():
    recycled = Recycled(1)
    for number in range(MOST_SETS + 3):
        add_draws(recycled, 50, proposal=Law(0.1 * number, 2.0), seed=number)
    rows = recycled.weighted(1.0)
    assert len(rows.x) == 50 * MOST_SETS
    kept = [Law(0.1 * n, 2.0) for n in range(3, MOST_SETS + 3)]
    mixture = np.mean([np.exp(law.log_prob(rows.x)) for law in kept], axis=0)
    expected = log_target(rows.x) - np.log(mixture)
    np.testing.assert_allclose(rows.log_weight, expected, rtol=1e-12)


def test_arrays_bring_everything_back():
    recycled, again = Recycled(1), Recycled(1)
    add_draws(recycled, 100)
    add_draws(recycled, 100, proposal=Law(1.0, 1.0), seed=1)
    again.from_arrays(recycled.to_arrays(), make=Law.make)
    for either in (recycled, again):
        add_draws(either, 100, proposal=Law(2.0, 1.0), seed=2)
    one, other = recycled.weighted(0.5), again.weighted(0.5)
    np.testing.assert_array_equal(one.log_weight, other.log_weight)
    np.testing.assert_array_equal(one.x, other.x)


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
