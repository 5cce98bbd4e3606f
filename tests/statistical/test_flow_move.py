"""The flow move leaves its target alone, inside emcee's own loop; its errors do not.

Few-sweep invariance: start from exact draws, take three steps, compare moments with
their exact values.  Each control plants one classic mistake in the same machinery, and
the same test must see it: a test that has never failed proves nothing.
"""

import copy

import emcee
import numpy as np
import pytest
from scipy import stats

from flowmc.models.saving import get_arrays
from flowmc.moves import FlowMove
from flowmc.moves.compiled_proposal import CompiledProposal, Scored
from flowmc.sampling.settings import TrainSettings
from flowmc.targets import skewed_gaussian

NUM_STEPS = 3
NUM_WALKERS = 60_000
SMALL = 8  # walkers of an ensemble that is too small to be fitted to itself
NUM_ENSEMBLES = 200
SOUND, BROKEN = 4.0, 8.0
TARGET = skewed_gaussian()
TRAIN = TrainSettings(max_steps=400, batch_size=128, capacity=1024)
NUM_ADAPT = 128


def moments(theta):
    """First, second and cross moments, `[..., 2] -> [..., 5]`."""
    x, y = theta[..., 0], theta[..., 1]
    return np.stack([x, y, x**2, y**2, x * y], axis=-1)


def exact_moments(skewness=0.6, correlation=0.7):
    """The same under the target, by Gauss-Hermite quadrature over its normal pair."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    first, second = np.meshgrid(nodes, nodes)
    z = np.stack(
        [first, correlation * first + np.sqrt(1 - correlation**2) * second], -1
    )
    values = moments(np.sinh(np.arcsinh(z) + skewness))
    mass = weights[:, None] * weights / weights.sum() ** 2
    return np.einsum("ij,ijk->k", mass, values)


def z_scores(means, exact):
    """Compare independent rows `[n, k]` with exact values `[k]`."""
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return (means.mean(axis=0) - exact) / error


def sample(move, theta, *, steps=NUM_STEPS, seed=7, function=TARGET.host_fn):
    sampler = emcee.EnsembleSampler(*theta.shape, function, moves=move, vectorize=True)
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(theta, steps, skip_initial_state_check=True)
    return sampler


def with_mistake(move, mistake):
    """Return `move`, sharing its frozen flow, as an instance of another class."""
    spoilt = copy.copy(move)
    spoilt.__class__ = mistake
    spoilt.cache = None
    return spoilt


class FlippedSign(FlowMove):
    def _log_factor(self, scored):
        return -super()._log_factor(scored)


class OmittedFactor(FlowMove):
    def _log_factor(self, scored):
        return np.zeros(len(scored.points))


class StaleDensity(FlowMove):
    """Scores a walker once, at its start, and not where it has moved to."""

    def _score(self, adaptation, current, *, seed):
        scored = super()._score(adaptation, current, seed=seed)
        if self.cache is None:
            self.cache = scored.log_q_current
        return scored._replace(log_q_current=self.cache)


class FittedOnItself(FlowMove):
    """Draws from a normal fitted to the very walkers it is about to move."""

    def _score(self, adaptation, current, *, seed):
        fitted = stats.multivariate_normal(current.mean(axis=0), np.cov(current.T))
        points = fitted.rvs(len(current), random_state=np.random.RandomState(seed))
        return Scored(points, fitted.logpdf(points), fitted.logpdf(current))


@pytest.fixture(scope="module")
def narrow_run():
    """A small flow, alone in an ensemble that starts in a narrow ball."""
    options = {"train": TRAIN, "train_every": NUM_ADAPT // 2}
    move = FlowMove("maf", NUM_ADAPT, num_layers=2, hidden_units=[16], **options)
    start = 1e-2 * np.random.default_rng(1).normal(size=(32, 2))
    sampler = sample(move, start, steps=NUM_ADAPT, seed=1)
    # Clusters may propose as well as so small a flow; the flow is what is tested.
    move._adaptation._learner.rules = "network"
    sampler.run_mcmc(None, 800)
    return move, sampler


@pytest.fixture(scope="module")
def affine_move():
    move = FlowMove("gaussian", 2)
    sample(move, TARGET.sample(SMALL, seed=0), steps=2)
    return move


def test_flow_rules_and_is_frozen(narrow_run):
    move, sampler = narrow_run
    assert move.model.name == "maf"
    assert move.frozen_at == NUM_ADAPT
    assert [record.model for record in move.history][0] == "none"
    assert any("maf " in n for r in move.history for n in r.notes)
    assert move.acceptance_fraction > 0.5
    assert move.num_masked == 0


def test_long_run_from_a_narrow_start_has_the_moments(narrow_run):
    """A frozen independence move does not couple walkers: their means are a sample."""
    move, sampler = narrow_run
    draws = sampler.get_chain(discard=move.frozen_at)
    z = z_scores(moments(draws).mean(axis=0), exact_moments())
    assert np.abs(z).max() < SOUND, z
    np.testing.assert_allclose(exact_moments()[:2], TARGET.mean)


def test_frozen_flow_leaves_the_target_invariant(narrow_run):
    start = TARGET.sample(NUM_WALKERS, seed=2)
    sampler = sample(narrow_run[0], start)
    assert 0.3 < sampler.acceptance_fraction.mean() < 0.95
    z = z_scores(moments(sampler.get_chain()[-1]), exact_moments())
    assert np.abs(z).max() < SOUND, z


@pytest.mark.parametrize("mistake", [FlippedSign, OmittedFactor, StaleDensity])
def test_mistakes_in_the_factor_are_seen(narrow_run, mistake):
    start = TARGET.sample(NUM_WALKERS, seed=2)
    sampler = sample(with_mistake(narrow_run[0], mistake), start)
    z = z_scores(moments(sampler.get_chain()[-1]), exact_moments())
    assert np.abs(z).max() > BROKEN, z


def z_of_small_ensembles(move):
    """Run many independent ensembles; each gives one row of means."""
    theta = TARGET.sample(NUM_ENSEMBLES * SMALL, seed=3).reshape(-1, SMALL, 2)
    ends = [sample(move, t, seed=i).get_chain()[-1] for i, t in enumerate(theta)]
    return z_scores(moments(np.stack(ends)).mean(axis=1), exact_moments())


def test_small_ensembles_are_left_invariant(affine_move):
    z = z_of_small_ensembles(affine_move)
    assert np.abs(z).max() < SOUND, z


def test_fit_to_the_walkers_being_moved_is_seen(affine_move):
    z = z_of_small_ensembles(with_mistake(affine_move, FittedOnItself))
    assert np.abs(z).max() > BROKEN, z


BOUNDS = [(0.0, np.inf), (-1.0, 1.0)]
BETA = stats.beta(2.0, 3.0, loc=-1.0, scale=2.0)


def bounded_log_prob(theta):
    """Gamma(2) on the half-line and a beta on [-1, 1]."""
    assert np.all((theta[:, 0] > 0.0) & (np.abs(theta[:, 1]) < 1.0))
    return np.log(theta[:, 0]) - theta[:, 0] + BETA.logpdf(theta[:, 1])


def bounded_draws(n, seed):
    random = np.random.default_rng(seed)
    return np.stack([random.gamma(2.0, size=n), BETA.rvs(n, random_state=random)], 1)


class NoLogDet(CompiledProposal):
    """Forgets how the bounds stretch space."""

    def _log_prob(self, theta):
        return self._density.log_prob(self._transform.inverse(theta))


@pytest.mark.parametrize("proposal", [CompiledProposal, NoLogDet])
def test_bounds_and_their_log_det(monkeypatch, proposal):
    monkeypatch.setattr("flowmc.moves.adaptation.CompiledProposal", proposal)
    move = FlowMove("gaussian", 2, bounds=BOUNDS)
    sample(move, bounded_draws(64, 0), steps=2, function=bounded_log_prob)
    sampler = sample(move, bounded_draws(NUM_WALKERS, 4), function=bounded_log_prob)
    exact = [2.0, BETA.mean(), 6.0, BETA.moment(2), 2.0 * BETA.mean()]
    worst = np.abs(z_scores(moments(sampler.get_chain()[-1]), np.array(exact))).max()
    assert (worst < SOUND) if proposal is CompiledProposal else (worst > BROKEN), worst


def test_same_seed_same_chain_with_a_trained_flow(narrow_run):
    """A copy made while it was frozen goes on alike; weights are the same numbers."""
    move, sampler = narrow_run
    again = copy.deepcopy(move)
    start = sampler.get_last_sample().coords
    one, two = (sample(m, start, steps=5).get_chain() for m in (move, again))
    np.testing.assert_array_equal(one, two)
    for name, value in get_arrays(move.model).items():
        np.testing.assert_array_equal(value, get_arrays(again.model)[name])
