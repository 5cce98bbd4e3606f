"""Annealing a cloud to b = 1 on targets whose moments and evidence are known."""

import numpy as np
import pytest
from scipy import stats

from flowmc import Target
from flowmc.core.progress import NullProgress
from flowmc.core.seeds import root_seed
from flowmc.sampling.annealing import Annealer
from flowmc.sampling.engine import Engine
from flowmc.sampling.ladder import MOST_LEVELS
from flowmc.sampling.settings import Schedule
from flowmc.sampling.space import Space

MEAN, SCALE = np.array([1.0, -2.0]), np.array([0.3, 0.05])
BOUNDS = [(-8.0, 8.0)] * 2
LOG_EVIDENCE = 3.0
NUM_CHAINS, NUM_PARTICLES = 64, 512


def normal(theta):
    return stats.norm.logpdf(theta, MEAN, SCALE).sum(axis=-1) + LOG_EVIDENCE


def two_modes(theta):
    """Weights 1/4 and 3/4, at distances of thirty standard deviations."""
    left = stats.norm.logpdf(theta, -3.0, 0.2).sum(axis=-1)
    right = stats.norm.logpdf(theta, 3.0, 0.2).sum(axis=-1)
    return np.logaddexp(np.log(0.25) + left, np.log(0.75) + right)


def half(theta):
    """Zero where the first coordinate is negative."""
    return np.where(theta[:, 0] > 0.0, normal(theta), -np.inf)


class Switch:
    """A density that can be replaced: one engine is compiled for all."""

    function = staticmethod(normal)

    def __call__(self, theta):
        return self.function(theta)


def make_engine(log_prob, **options):
    return Engine(
        Space(Target(log_prob, names=["a", "b"], backend="numpy", **options)),
        model="gaussian",
        kernel="t_pcn",
        schedule=Schedule(num_local=2, num_jumps=4),
        num_chains=NUM_CHAINS,
        seed=root_seed(3),
        progress=NullProgress(),
    )


@pytest.fixture(scope="module")
def anneal():
    switch = Switch()
    engine = make_engine(switch, bounds=BOUNDS)

    def make(log_prob, *, seed=3):
        switch.function = log_prob
        engine.learner.from_arrays(engine.blank)
        return Annealer(engine, num_particles=NUM_PARTICLES, seed=(seed, 2))

    return make


def run(annealer):
    """Anneal; return the cloud at each temperature."""
    clouds = [annealer.start()]
    while clouds[-1].inverse_temperature < 1.0:
        assert len(clouds) < 60
        clouds.append(annealer.advance(clouds[-1], level=len(clouds)))
    return clouds


@pytest.fixture
def annealed(anneal, done):
    """The annealing of the normal; its engine may have moved on meanwhile."""
    anneal(normal)
    return done


@pytest.fixture(scope="module")
def done(anneal):
    annealer = anneal(normal)
    return annealer, run(annealer)


def theta_of(annealer, particles):
    return annealer._engine.space.to_theta(particles.x)[0]


def test_temperatures_rise_to_one(annealed):
    annealer, clouds = annealed
    b = [cloud.inverse_temperature for cloud in clouds]
    assert b[0] == 0.0
    assert b[-1] == 1.0
    assert np.all(np.diff(b) > 0.0)
    assert 3 < len(b) < 30
    assert annealer.ladder.num_levels <= MOST_LEVELS


def test_the_cloud_ends_with_the_target_s_moments(annealed):
    annealer, clouds = annealed
    assert clouds[0].x.shape == (4 * NUM_PARTICLES, 2)
    assert clouds[-1].x.shape == (NUM_PARTICLES, 2)
    theta = theta_of(annealer, clouds[-1])
    error = 6.0 * SCALE / np.sqrt(NUM_PARTICLES)
    assert np.all(np.abs(theta.mean(axis=0) - MEAN) < error)
    np.testing.assert_allclose(theta.std(axis=0), SCALE, rtol=0.2)


def test_log_densities_are_those_of_the_target(annealed):
    annealer, clouds = annealed
    space = annealer._engine.space
    for cloud in clouds[1:]:
        expected = space.log_prob(cloud.x)
        np.testing.assert_allclose(cloud.log_prob, expected, rtol=1e-6, atol=1e-6)
    arrays = annealer.ladder.to_arrays()
    expected = space.log_reference(arrays["x"])
    np.testing.assert_allclose(arrays["log_reference"], expected)


def test_the_evidence_is_known_at_the_end(annealed):
    _, clouds = annealed
    assert clouds[0].log_evidence == 0.0
    # The reference is normalized: what the ladder finds is the integral itself.
    assert clouds[-1].log_evidence == pytest.approx(LOG_EVIDENCE, abs=0.25)


def test_all_visited_states_give_the_moments_too(annealed):
    annealer, _ = annealed
    random = np.random.default_rng(0)
    x, log_prob, _ = annealer.ladder.resample(1.0, 4000, random=random)
    theta, _ = annealer._engine.space.to_theta(x)
    np.testing.assert_allclose(theta.mean(axis=0), MEAN, atol=0.1 * SCALE.max())
    np.testing.assert_allclose(theta.std(axis=0), SCALE, rtol=0.1)
    assert np.isfinite(log_prob).all()


def test_steps_and_jumps_are_accepted_at_every_temperature(annealed):
    _, clouds = annealed
    assert np.isnan(list(clouds[0].acceptance.values())).all()
    for cloud in clouds[1:]:
        assert 0.05 < cloud.acceptance["local"] <= 1.0
        assert 0.3 < cloud.acceptance["jump"] <= 1.0


def test_both_modes_are_carried_along_in_their_proportion(anneal):
    annealer = anneal(two_modes)
    last = run(annealer)[-1]
    theta = theta_of(annealer, last)
    assert np.mean(theta[:, 0] < 0.0) == pytest.approx(0.25, abs=0.12)
    for center in (-3.0, 3.0):
        near = theta[np.sign(theta[:, 0]) == np.sign(center)]
        np.testing.assert_allclose(near.mean(axis=0), center, atol=0.1)
        np.testing.assert_allclose(near.std(axis=0), 0.2, rtol=0.3)
    assert last.log_evidence == pytest.approx(0.0, abs=0.4)


def test_a_density_that_is_zero_in_places(anneal):
    annealer = anneal(half)
    clouds = run(annealer)
    for cloud in clouds[1:]:
        assert np.isfinite(cloud.log_prob).all()
        assert (theta_of(annealer, cloud)[:, 0] > 0.0).all()
    expected = LOG_EVIDENCE + stats.norm.logsf(0.0, MEAN[0], SCALE[0])
    assert clouds[-1].log_evidence == pytest.approx(expected, abs=0.25)


@pytest.mark.full
def test_without_a_reference_a_wide_normal_is_where_it_begins():
    engine = make_engine(normal)
    annealer = Annealer(engine, num_particles=NUM_PARTICLES, seed=(3, 2))
    clouds = run(annealer)
    np.testing.assert_allclose(clouds[0].x.std(axis=0), 3.0, rtol=0.1)
    assert clouds[-1].log_evidence == pytest.approx(LOG_EVIDENCE, abs=0.25)


def test_the_same_seed_gives_the_same_cloud(annealed, anneal):
    _, clouds = annealed
    annealer = anneal(normal)
    again = annealer.advance(annealer.start(), level=1)
    np.testing.assert_array_equal(again.x, clouds[1].x)
    assert again.inverse_temperature == clouds[1].inverse_temperature
    other = anneal(normal, seed=4).start()
    assert not np.array_equal(other.x, clouds[0].x)
