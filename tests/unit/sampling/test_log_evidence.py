"""`flowmc.log_evidence`: from a posterior alone, with errors that say what to do."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import flowmc
from flowmc import models
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.core.records import WeightedDraws
from flowmc.models.saving import from_saved, to_saved
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.verdict import Verdict
from flowmc.sampling.log_evidence import log_evidence

NAMES = ("a", "b")
BOUNDS = [(0.0, 1.0), (0.0, np.inf)]
# Beta(2, 3) times Gamma(4), of mass exp(-2).
LAWS = (stats.beta(2, 3), stats.gamma(4))


def log_prob(theta):
    return LAWS[0].logpdf(theta[:, 0]) + LAWS[1].logpdf(theta[:, 1]) - 2.0


def make_target(function=log_prob, *, names=NAMES, bounds=BOUNDS):
    return flowmc.Target(function, names=names, bounds=bounds, backend="numpy")


def make_posterior(theta, values, *, model, **options):
    return flowmc.Posterior(
        theta=theta,
        log_prob=values,
        names=NAMES,
        diagnostics=compute_diagnostics(theta, values, names=NAMES),
        verdict=Verdict(True),
        saved_model=None if model is None else to_saved(model),
        rebuild_model=from_saved,
        **options,
    )


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    columns = [law.rvs(size=3200, random_state=rng) for law in LAWS]
    flat = np.stack(columns, axis=-1)
    x = np.stack([stats.norm.ppf(flat[:, 0]), np.log(flat[:, 1])], axis=-1)
    model = models.make("gaussian", event_size=2)
    model.fit_whitening(x)
    return make_posterior(
        flat.reshape(200, 16, 2), log_prob(flat).reshape(200, 16), model=model
    )


def test_all_methods_agree_with_the_truth(posterior):
    found = flowmc.log_evidence(posterior, target=make_target(), method="all")
    assert list(found) == ["importance", "bridge", "harmonic"]
    for value, error in found.values():
        assert 0.0 < error < 0.03
        assert abs(value + 2.0) < 4.0 * error


@pytest.mark.parametrize("method", ["importance", "bridge", "harmonic"])
def test_one_method(posterior, method):
    value, error = log_evidence(posterior, target=make_target(), method=method)
    assert abs(value + 2.0) < 4.0 * error
    again = log_evidence(posterior, target=make_target(), method=method)
    assert again == (value, error)


def test_only_fresh_draws_are_evaluated(posterior):
    target = make_target()
    log_evidence(posterior, target=target, method="bridge", num_proposals=500)
    assert target.num_evaluations <= 500 + 8


def test_another_seed_gives_other_proposals(posterior):
    values = [
        log_evidence(posterior, target=make_target(), num_proposals=500, seed=seed)[0]
        for seed in (0, 1)
    ]
    assert values[0] != values[1]


def test_weighted_draws_are_used_and_zeros_counted(posterior):
    target = make_target()
    weighted = WeightedDraws(np.zeros((50, 2)), np.full(50, -1.0), num_proposals=100)
    stored = replace(posterior, weighted=weighted, saved_model=None)
    value, _ = log_evidence(stored, target=target)
    assert value == pytest.approx(-1.0 - np.log(2.0), abs=0.02)
    assert target.num_evaluations <= 8


def test_a_cut_inside_the_bounds(posterior):
    """The target is zero for a > 0.5; all three must see it."""

    def cut(theta):
        return np.where(theta[:, 0] < 0.5, log_prob(theta), -np.inf)

    inside = posterior.flat()[posterior.flat()[:, 0] < 0.5][:2000]
    cut_posterior = make_posterior(
        inside.reshape(125, 16, 2),
        log_prob(inside).reshape(125, 16),
        model=posterior.model,
    )
    truth = -2.0 + LAWS[0].logcdf(0.5)
    found = log_evidence(cut_posterior, target=make_target(cut), method="all")
    assert {"importance", "bridge"} <= set(found)
    for value, error in found.values():
        assert abs(value - truth) < 4.0 * error


def test_no_model(posterior):
    bare = replace(posterior, saved_model=None)
    for method in ("importance", "bridge", "harmonic"):
        with pytest.raises(ModelError, match="without a model"):
            log_evidence(bare, target=make_target(), method=method)


def test_a_vae_has_no_bridge(posterior):
    vae = models.make("vae", event_size=2, latent_size=1)
    latent = replace(posterior, saved_model=to_saved(vae))
    with pytest.raises(ModelError, match="VAE has no density"):
        log_evidence(latent, target=make_target(), method="bridge")
    weighted = WeightedDraws(np.zeros((50, 2)), np.full(50, -2.0), num_proposals=50)
    found = log_evidence(
        replace(latent, weighted=weighted), target=make_target(), method="all"
    )
    assert list(found) == ["importance", "harmonic"]
    assert abs(found["harmonic"][0] + 2.0) < 4.0 * found["harmonic"][1]


def test_too_few_draws(posterior):
    few = make_posterior(
        posterior.theta[:4], posterior.log_prob[:4], model=posterior.model
    )
    with pytest.raises(ConfigurationError, match="enough draws"):
        log_evidence(few, target=make_target(), method="harmonic")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "laplace"}, "`method` must be one of importance, bridge"),
        ({"num_proposals": 0}, "`num_proposals` must be at least 2"),
        ({"target": log_prob}, "`target` must be a flowmc.Target; got function"),
        ({"target": make_target(names=["b", "a"])}, "same parameters"),
        (
            {"target": make_target(lambda theta: log_prob(theta) + 0.1)},
            "differs from the posterior's by up to 0.1",
        ),
        (
            {
                "target": make_target(
                    lambda theta: -np.sum(theta**2, axis=1),
                    names=["a", "b", "c"],
                    bounds=None,
                )
            },
            "same parameters",
        ),
    ],
)
def test_wrong_arguments(posterior, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        log_evidence(posterior, **{"target": make_target(), **changes})


def test_not_a_posterior():
    with pytest.raises(ConfigurationError, match="must be a flowmc.Posterior"):
        log_evidence(np.zeros((10, 2)), target=make_target())
