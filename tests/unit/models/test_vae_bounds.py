"""Bounds of a linear-Gaussian VAE, where log p(x) is known in closed form."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from tests.unit.models.linear_vae import LinearVae

COUNTS = (1, 5, 50)


@pytest.fixture(scope="module")
def wrong():
    """An encoder too wide by 1.4 and off by 0.6 sd."""
    return LinearVae(scale=1.4, shift=0.6)


@pytest.fixture(scope="module")
def exact():
    return LinearVae()


def gaps(linear, num, *, n=4000, seed=1):
    x = linear.draw(n)
    bound = linear.model.iwae_bound(x, num_importance=num, seed=seed).numpy()
    return linear.log_prob(x) - bound


def test_with_the_exact_posterior_every_bound_is_the_density(exact):
    x = exact.draw(100)
    for num in (1, 2, 7, 64):
        bound = exact.model.iwae_bound(x, num_importance=num, seed=num)
        np.testing.assert_allclose(bound, exact.log_prob(x), atol=1e-9)
    estimate, error = exact.model.log_prob_estimate(x, num_importance=10)
    np.testing.assert_allclose(estimate, exact.log_prob(x), atol=1e-9)
    np.testing.assert_allclose(error, 0.0, atol=1e-9)


def test_elbo_gap_is_the_divergence_of_the_encoder(wrong):
    assert 0.5 < wrong.elbo_gap < 1.0
    x = wrong.draw(4000)
    terms = wrong.model.elbo(x, seed=1, num_codes=4)
    np.testing.assert_allclose(terms.bound, terms.reconstruction - terms.kl)
    assert np.all(terms.kl >= 0.0)
    gap = wrong.log_prob(x) - terms.bound.numpy()
    error = gap.std() / np.sqrt(len(gap))
    assert abs(gap.mean() - wrong.elbo_gap) < 4.0 * error
    assert abs(gaps(wrong, 1).mean() - wrong.elbo_gap) < 4.0 * gaps(wrong, 1).std() / 63


def test_gap_falls_with_the_number_of_codes(wrong):
    found = [gaps(wrong, num) for num in COUNTS]
    for worse, better in zip(found[:-1], found[1:], strict=True):
        difference = worse - better
        error = difference.std() / np.sqrt(len(difference))
        assert difference.mean() > 4.0 * error
    assert abs(gaps(wrong, 500, n=2000).mean()) < 0.01


@pytest.mark.parametrize("num", [50, 200])
def test_gap_follows_the_variance_of_the_weights(wrong, num):
    # The mean of w - 1 is zero: added, it takes off most of the noise.
    gap = gaps(wrong, num)
    steady = gap + np.expm1(-gap)
    expected = wrong.weight_variance / (2.0 * num)
    assert steady.mean() == pytest.approx(expected, rel=0.2)


def test_standard_error_of_the_estimate(wrong):
    x = wrong.draw(4000)
    estimate, error = wrong.model.log_prob_estimate(x, num_importance=200, seed=2)
    miss = (estimate.numpy() - wrong.log_prob(x)) / error.numpy()
    assert np.std(miss) == pytest.approx(1.0, abs=0.1)
    expected = np.sqrt(wrong.weight_variance / 200)
    assert np.mean(error) == pytest.approx(expected, rel=0.05)


def test_bound_holds_after_whitening(wrong):
    x = wrong.draw(500)
    model = LinearVae(scale=1.4, shift=0.6).model
    model.fit_whitening(3.0 * x + 1.0)
    fitted = model.iwae_bound(3.0 * x + 1.0, num_importance=5, seed=1).numpy()
    white = model.whiten(3.0 * x + 1.0)
    plain = wrong.model.iwae_bound(white, num_importance=5, seed=1).numpy()
    volume = np.linalg.slogdet(model._whitening.scale_tril.numpy())[1]
    np.testing.assert_allclose(fitted, plain - volume, rtol=1e-10)


@pytest.mark.parametrize("num", [0, -1, 2.5, True])
def test_number_of_codes_is_checked(exact, num):
    x = exact.draw(2)
    with pytest.raises(ConfigurationError, match="`num_importance` must be"):
        exact.model.iwae_bound(x, num_importance=num)
    with pytest.raises(ConfigurationError, match="`num_codes` must be"):
        exact.model.elbo(x, num_codes=num)
    with pytest.raises(ConfigurationError, match="at least 2"):
        exact.model.log_prob_estimate(x, num_importance=1)
