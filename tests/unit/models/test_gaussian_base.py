"""A Gaussian base of the user's own: density, what is fixed, saving, refusals."""

import json

import numpy as np
import pytest
from scipy import stats

import flowmc
from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from tests.conformance.families import FAMILIES, SMALL, build, normal, points, trained

SIZE = 4
LOCATION = np.array([1.0, -2.0, 0.0, 30.0])
COVARIANCE = np.array(
    [
        [4.0, 1.5, 0.5, 0.0],
        [1.5, 1.0, 0.3, 2.0],
        [0.5, 0.3, 0.25, 0.0],
        [0.0, 2.0, 0.0, 100.0],
    ]
)
BASE = {"covariance": COVARIANCE, "location": LOCATION}
TAKING = [family for family in FAMILIES if "base" in MODELS.get(family).option_names()]
every_family = pytest.mark.parametrize("family", TAKING)


@every_family
def test_untrained_is_the_given_gaussian(family):
    model = build(family, SIZE, base=BASE)
    assert model.has_given_base
    x = LOCATION + 3.0 * normal(20, SIZE)
    expected = stats.multivariate_normal(LOCATION, COVARIANCE)
    np.testing.assert_allclose(model.log_prob(x), expected.logpdf(x), rtol=1e-10)
    draws, log_prob = model.sample_and_log_prob(20_000, seed=1)
    np.testing.assert_allclose(log_prob, expected.logpdf(draws), rtol=1e-10)
    scale = np.sqrt(np.diag(COVARIANCE))
    assert np.abs((draws.numpy().mean(axis=0) - LOCATION) / scale).max() < 0.03
    difference = (np.cov(draws.numpy().T) - COVARIANCE) / np.outer(scale, scale)
    assert np.abs(difference).max() < 0.04


@every_family
def test_a_t_base_is_that_t(family):
    model = build(family, SIZE, base={**BASE, "kind": "student_t"})
    x = LOCATION + 3.0 * normal(20, SIZE)
    expected = stats.multivariate_t(LOCATION, COVARIANCE, df=4).logpdf(x)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-10)


@every_family
def test_draws_leave_what_was_given_alone(family):
    model = build(family, SIZE, base=BASE)
    x = LOCATION + normal(200, SIZE)
    before = model.log_prob(x).numpy()
    assert model.fit_whitening(5.0 * normal(500, SIZE) + 7.0) == ""
    np.testing.assert_array_equal(model.log_prob(x), before)


@every_family
def test_a_trained_model_keeps_every_promise_of_a_flow(family):
    model = trained(build(family, SIZE, base=BASE))
    z = normal(64, SIZE)
    x, log_det = model.forward_and_log_det(z)
    back, inverse_log_det = model.inverse_and_log_det(x)
    np.testing.assert_allclose(back, z, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-9)
    expected = stats.norm.logpdf(z).sum(axis=-1) - log_det
    np.testing.assert_allclose(model.log_prob(x), expected, atol=1e-8)
    np.testing.assert_allclose(model.distribution.log_prob(x), expected, atol=1e-8)


@every_family
def test_saved_with_the_model(family, tmp_path):
    model = trained(build(family, SIZE, base=BASE))
    models.save_model(model, tmp_path / "model.h5")
    loaded = models.load_model(tmp_path / "model.h5")
    assert loaded.has_given_base
    assert loaded.description == model.description
    x = points(model, 20)
    np.testing.assert_array_equal(loaded.log_prob(x), model.log_prob(x))


@every_family
def test_rebuilt_from_its_description(family):
    model = build(family, SIZE, base=BASE)
    description = json.loads(json.dumps(model.description))
    again = models.make(family, event_size=SIZE, **description["options"])
    assert again.description == model.description
    x = LOCATION + normal(5, SIZE)
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))
    other = build(family, SIZE, base={"covariance": 2.0 * COVARIANCE})
    assert other.description != model.description


def test_the_repr_shows_shapes_of_large_options():
    base = {"covariance": 2.0 * np.eye(32)}
    shown = repr(models.make("realnvp", event_size=32, base=base))
    assert "'covariance': <[32, 32] numbers>" in shown
    assert len(shown) < 400


@pytest.mark.parametrize("family", FAMILIES)
def test_without_it_nothing_is_given(family):
    assert not build(family, 2).has_given_base


def test_a_latent_variable_model_has_none():
    assert not models.make("vae", event_size=2).has_given_base


def test_training_starts_from_it_and_moves_it():
    model = models.make("realnvp", event_size=SIZE, base=BASE, seed=0, **SMALL)
    draws = LOCATION + normal(2000, SIZE) @ np.linalg.cholesky(COVARIANCE).T
    draws[:, 1] += draws[:, 2] ** 2
    before = model.log_prob(draws).numpy().mean()
    flowmc.fit(model, draws, max_steps=200, batch_size=128, seed=0)
    assert model.log_prob(draws).numpy().mean() > before + 0.1
    assert model.has_given_base


def test_defensive_wraps_it():
    proposal = models.defensive(build("maf", SIZE, base=BASE))
    x, log_prob = proposal.sample_and_log_prob(50, seed=0)
    np.testing.assert_allclose(proposal.log_prob(x), log_prob, rtol=1e-9)


@pytest.mark.parametrize(
    ("base", "rule"),
    [
        ({}, "covariance"),
        ({"covariance": np.eye(4), "mean": np.zeros(4)}, "may have location"),
        ({"covariance": np.eye(3)}, r"\[n, 4\]"),
        ({"covariance": np.ones([5, 4])}, r"\[4, 4\]"),
        ({"covariance": np.eye(4), "location": np.zeros(3)}, "location"),
        ({"covariance": np.diag([1.0, 1.0, 0.0, 1.0])}, "positive diagonal"),
        ({"covariance": np.ones([4, 4])}, "positive definite"),
        ({"covariance": np.eye(4) + np.eye(4, k=1)}, "symmetric"),
        ({"covariance": np.full([4, 4], np.nan)}, "finite"),
        ({"covariance": np.eye(4), "location": [0, np.inf, 0, 0]}, "finite"),
        ({"covariance": np.eye(4), "kind": "cauchy"}, "normal, student_t"),
    ],
)
def test_refusals(base, rule):
    with pytest.raises(ConfigurationError, match=rule):
        models.make("maf", event_size=SIZE, base=base)


def test_circles_are_refused_besides():
    base = {"covariance": np.eye(2)}
    with pytest.raises(ConfigurationError, match="ordinary coordinates"):
        models.make("maf", event_size=2, base=base, periodic=[0])
