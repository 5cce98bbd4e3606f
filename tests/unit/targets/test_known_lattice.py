"""The phi^4 chain: figures of the transfer matrix, exact draws, density, prior."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import targets
from flowmc.core.errors import ConfigurationError

NUM_DRAWS = 4000
NUM_SITES = 12


@pytest.fixture(scope="module")
def chain():
    return targets.phi_four_chain(NUM_SITES, field=0.005)


@pytest.fixture(scope="module")
def draws(chain):
    return chain.sample(NUM_DRAWS, seed=3)


@pytest.mark.parametrize(
    ("num_sites", "log_evidence"), [(16, -33.53802), (32, -59.49546), (64, -119.87021)]
)
def test_stated_evidences(num_sites, log_evidence):
    known = targets.phi_four_chain(num_sites)
    assert abs(known.log_evidence - log_evidence) < 1e-5
    assert abs(known.upper_weight - 0.5) < 1e-12


@pytest.mark.parametrize(("num_sites", "weight"), [(32, 0.16794), (64, 0.17225)])
def test_stated_weights_of_the_upper_phase(num_sites, weight):
    known = targets.phi_four_chain(num_sites, field=0.005)
    assert abs(known.upper_weight - weight) < 1e-5
    assert known.middle == num_sites // 2


@pytest.mark.full
def test_stated_figures_of_a_hundred_sites():
    known = targets.phi_four_chain(100)
    assert abs(known.log_evidence + 196.91222) < 1e-5
    square = known.mean[50] ** 2 + known.standard_deviation[50] ** 2
    assert abs(square - 0.9542) < 5e-5
    assert abs(targets.phi_four_chain(100, field=0.005).upper_weight - 0.17382) < 1e-5


def test_two_sites_by_quadrature():
    known = targets.phi_four_chain(2, field=0.01)

    nodes, weights = np.polynomial.legendre.leggauss(150)
    side, weights = 1.25 * (1.0 + nodes), 1.25 * weights  # [0, 2.5]
    first, second = np.meshgrid(side, side, indexing="ij")

    def mass(*signs):
        phi = np.stack([signs[0] * first.ravel(), signs[1] * second.ravel()], axis=-1)
        density = np.exp(known.host_fn(phi) + 10.0).reshape(first.shape)
        return weights @ density @ weights

    upper = mass(1, 1) + mass(-1, 1)  # the middle is site 1
    whole = upper + mass(1, -1) + mass(-1, -1)
    assert abs(known.log_evidence - (np.log(whole) - 10.0)) < 1e-8
    assert abs(known.upper_weight - upper / whole) < 1e-8


def test_densities_agree(chain, draws):
    value = chain.log_prob(draws[:200]).numpy()
    np.testing.assert_allclose(chain.log_prob_host(draws[:200]), value, rtol=1e-11)
    compiled = tf.function(lambda x: chain.log_prob(x), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(draws[:200])), value, rtol=1e-11)


def test_draws_are_deterministic(chain, draws):
    assert draws.shape == (NUM_DRAWS, NUM_SITES)
    np.testing.assert_array_equal(chain.sample(NUM_DRAWS, seed=3), draws)
    assert not np.array_equal(chain.sample(5, seed=4), draws[:5])


def test_draws_have_the_stated_moments_and_phases(chain, draws):
    error = draws.std(axis=0) / np.sqrt(NUM_DRAWS)
    assert np.abs((draws.mean(axis=0) - chain.mean) / error).max() < 4.0
    squares = (draws - chain.mean) ** 2
    error = squares.std(axis=0) / np.sqrt(NUM_DRAWS)
    z = (squares.mean(axis=0) - chain.standard_deviation**2) / error
    assert np.abs(z).max() < 4.0
    weight = chain.upper_weight
    error = np.sqrt(weight * (1.0 - weight) / NUM_DRAWS)
    assert abs(chain.is_upper(draws).mean() - weight) < 4.0 * error
    assert chain.is_upper(draws.reshape(2, -1, NUM_SITES)).shape == (2, NUM_DRAWS // 2)


def test_draws_follow_the_density(chain, draws):
    """The score has mean zero, and E[phi_i score_j] = -1 where i = j, else 0."""
    theta = tf.constant(draws)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = chain.log_prob(theta)
    score = tape.gradient(value, theta).numpy()
    z = score.mean(axis=0) / (score.std(axis=0) / np.sqrt(NUM_DRAWS))
    assert np.abs(z).max() < 4.0
    products = draws[:, :, None] * score[:, None, :]
    error = products.std(axis=0) / np.sqrt(NUM_DRAWS)
    assert np.abs((products.mean(axis=0) + np.eye(NUM_SITES)) / error).max() < 4.5


def test_one_site_draws_have_no_grid():
    known = targets.phi_four_chain(1, field=0.05)
    x = known.sample(NUM_DRAWS, seed=1)[:, 0]
    grid = np.linspace(-2.5, 2.5, 20_001)
    cumulated = np.cumsum(np.exp(known.host_fn(grid[:, None]) - known.log_evidence))
    assert abs(cumulated[-1] * (grid[1] - grid[0]) - 1.0) < 1e-9
    uniform = np.interp(x, grid, cumulated / cumulated[-1])
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert len(np.unique(x)) == NUM_DRAWS


def test_the_prior_is_the_free_field_and_is_divided_out():
    known = targets.phi_four_chain(3, field=0.02, prior=True)
    plain = targets.phi_four_chain(3, field=0.02)
    assert known.log_evidence == plain.log_evidence
    target = known.target()
    assert target.has_prior
    theta = known.sample(50, seed=0)
    covariance = targets.free_field_covariance(3)
    log_prior = stats.multivariate_normal(cov=covariance).logpdf(theta)
    np.testing.assert_allclose(target.log_prior(theta), log_prior)
    expected = plain.host_fn(theta)
    np.testing.assert_allclose(target.log_prob(theta), expected, rtol=1e-10)
    np.testing.assert_allclose(known.host_fn(theta), expected - log_prior, rtol=1e-10)
    draws = target.sample_prior(2000, seed=1)
    assert np.abs(np.cov(draws.T) / covariance - 1.0).max() < 0.15


def test_covariance_inverts_the_stiffness_plus_mass():
    precision = np.linalg.inv(targets.free_field_covariance(64, mass=0.5))
    np.testing.assert_allclose(np.diag(precision), 256.0 + 0.25 * 3.125)
    np.testing.assert_allclose(np.diag(precision, 1), -128.0)
    assert np.abs(np.triu(precision, 2)).max() < 1e-9


@pytest.mark.parametrize("field", [1.5, -2.0, float("nan")])
def test_a_field_that_is_too_strong_is_refused(field):
    with pytest.raises(ConfigurationError, match="field"):
        targets.phi_four_chain(4, field=field)


@pytest.mark.parametrize("mass", [0.0, -1.0, float("inf")])
def test_a_mass_that_is_not_positive_is_refused(mass):
    with pytest.raises(ConfigurationError, match="mass"):
        targets.free_field_covariance(4, mass=mass)
