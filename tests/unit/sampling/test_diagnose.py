"""Draws held against their target and a model."""

import numpy as np
import pytest

import flowmc
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import judge

SHAPE = (250, 8, 2)


def log_prob_fn(theta):
    theta = np.asarray(theta)
    return -0.5 * np.sum(theta**2, axis=-1)


@pytest.fixture(scope="module")
def theta():
    return np.random.default_rng(3).standard_normal(SHAPE)


@pytest.fixture(scope="module")
def target():
    return flowmc.Target(log_prob_fn, names=["a", "b"], backend="numpy")


@pytest.fixture(scope="module")
def posterior(theta):
    diagnostics = compute_diagnostics(theta, names=("a", "b"))
    return Posterior(
        theta=theta,
        log_prob=log_prob_fn(theta),
        names=("a", "b"),
        diagnostics=diagnostics,
        verdict=judge(diagnostics),
    )


class Normal:
    """A normal density of a given width around a given point."""

    def __init__(self, scale=1.0, shift=0.0, low=-np.inf):
        self.scale, self.shift, self.low = scale, shift, low

    def log_prob(self, x):
        z = (np.asarray(x) - self.shift) / self.scale
        value = -0.5 * np.sum(z**2, axis=-1) - 2 * np.log(self.scale)
        return np.where(np.all(np.asarray(x) > self.low, axis=-1), value, -np.inf)


def test_a_right_posterior_and_its_target(posterior, target):
    found = flowmc.diagnose(posterior, target=target)
    assert found.ok
    assert "The target gives the stored log-density at 200 draws." in found.findings
    assert "Verdict: good" in str(found)


def other(log_prob_fn, **options):
    return flowmc.Target(log_prob_fn, names=["a", "b"], backend="numpy", **options)


def test_another_target_is_noticed(posterior):
    found = flowmc.diagnose(posterior, target=other(lambda t: 2.0 * log_prob_fn(t)))
    assert not found.ok
    assert "at 200 of 200 draws" in found.reasons[0]
    assert "run again" in found.reasons[0]
    found = flowmc.diagnose(posterior, target=other(lambda t: log_prob_fn(t) + 2.5))
    assert "differs by the constant 2.5" in found.reasons[0]
    cut = other(log_prob_fn, bounds=[(0.0, np.inf), (-np.inf, np.inf)])
    found = flowmc.diagnose(posterior, target=cut)
    assert "it is zero" in found.reasons[0]


def test_rounding_is_no_difference(posterior):
    def rounded(theta):
        return log_prob_fn(theta).astype(np.float32).astype(np.float64)

    assert flowmc.diagnose(posterior, target=other(rounded)).ok


def test_draws_alone_and_with_a_target(theta, target):
    assert flowmc.diagnose(theta).ok
    found = flowmc.diagnose(theta, target=target)
    assert found.ok
    assert found.diagnostics.names == ("a", "b")
    assert "The target is positive at 200 of 200 draws." in found.findings
    assert not flowmc.diagnose(theta[:30], target=target).ok


def told(found, part):
    return next(sentence for sentence in found.findings if part in sentence)


def test_a_model_that_covers_the_draws(posterior):
    found = flowmc.diagnose(posterior, model=Normal(1.3))
    assert "gives 0 % of 2000 draws" in told(found, "next to no density")
    assert "can serve" in told(found, "Pareto k of target over model")


def test_models_that_do_not(posterior):
    narrow = flowmc.diagnose(posterior, model=Normal(0.4))
    assert "too large" in told(narrow, "Pareto k of target over model")
    half = flowmc.diagnose(posterior, model=Normal(low=-1.5))
    share = float(told(half, "next to no density").split("gives ")[1].split(" %")[0])
    assert share == pytest.approx(100 * (1 - 0.9332**2), rel=0.2)
    assert "misses a region" in told(half, "next to no density")
    none = flowmc.diagnose(posterior, model=Normal(low=1e9))
    assert "none of the draws" in told(none, "none of the draws")


def test_models_live_in_unbounded_coordinates(theta):
    # Log-normal draws: x = log theta is normal, as the model has it.
    positive = np.exp(theta)

    def log_normal(t):
        return np.sum(-0.5 * np.log(t) ** 2 - np.log(t), axis=-1)

    target = other(log_normal, bounds=[(0.0, np.inf), (0.0, np.inf)])
    model = flowmc.models.make("gaussian", event_size=2, seed=0)
    found = flowmc.diagnose(positive, target=target, model=model)
    assert "gives 0 % of 2000" in told(found, "next to no density")
    assert "k of target over model is 0.00" in told(found, "over model")


def test_what_does_not_fit_is_refused(posterior, theta):
    wrong = flowmc.Target(log_prob_fn, names=["a", "b", "c"], backend="numpy")
    with pytest.raises(ConfigurationError, match="as many parameters"):
        flowmc.diagnose(posterior, target=wrong)
    with pytest.raises(ConfigurationError, match=r"got \[250, 2\]"):
        flowmc.diagnose(theta[:, 0])
    with pytest.raises(ConfigurationError, match="Pass `target` too"):
        flowmc.diagnose(theta, model=Normal())
    with pytest.raises(ModelError, match="no `log_prob`"):
        flowmc.diagnose(posterior, model=object())
