"""Draws in the real GetDist, converted and read from files."""

import numpy as np
import pytest

pytestmark = pytest.mark.full
getdist = pytest.importorskip("getdist", reason="the adapter for GetDist needs getdist")

from flowmc.adapters import to_getdist  # noqa: E402
from flowmc.cli.export import export_posterior  # noqa: E402
from tests.unit.results.builders import draws, make_posterior  # noqa: E402

NAMES = ["log_k_", "a_b_2", "a_b", "k1"]
CONFIG = {
    "bounds": [[-np.inf, np.inf], [-9.0, np.inf], [-3.0, 7.0]],
    "periodic": ["a_b"],
}


def posterior(*, is_smc=False, **fields):
    """Chains, or resampled draws, with names that GetDist does not take."""
    theta = draws(num_draws=400, num_chains=1 if is_smc else 8)
    if is_smc:
        theta = theta[np.random.default_rng(0).integers(400, size=1000)]
    else:
        theta[101] = theta[100]  # a step of which every chain stays
    return make_posterior(
        theta,
        names=("log_k*", "a b", "a_b"),
        labels=("log_k*", "a b", r"$\chi$"),
        config={**CONFIG, **({"sampler": "smc"} if is_smc else {})},
        **fields,
    )


def from_files(found, folder):
    export_posterior(found, form="getdist", folder=folder)
    root = str(folder / "chains" / "posterior")
    return getdist.loadMCSamples(root, no_cache=True)


@pytest.mark.parametrize("is_smc", [False, True])
@pytest.mark.parametrize("way", ["converted", "from files"])
def test_moments_names_labels_and_ranges_agree(way, is_smc, tmp_path):
    found = posterior(is_smc=is_smc)
    sample = to_getdist(found) if way == "converted" else from_files(found, tmp_path)
    assert sample.getParamNames().list() == NAMES
    assert [name.isDerived for name in sample.getParamNames().names] == [False] * 3 + [
        True
    ]
    labels = [sample.parLabel(name) for name in NAMES]
    assert labels == [r"\mathrm{log\_k*}", "a b", r"\chi", "k1"]
    table = np.column_stack([found.flat(), np.ravel(found.derived["k1"])])
    np.testing.assert_allclose(sample.mean(NAMES), table.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        sample.cov(NAMES), np.cov(table.T, bias=True), rtol=1e-10, atol=1e-14
    )
    assert sample.ranges.getLower("a_b_2") == -9.0
    assert sample.ranges.getUpper("a_b_2") is None
    assert sample.ranges.names == ["a_b_2", "a_b"]
    assert sample.ranges.periodic == {"a_b"}
    assert sample.weights.sum() == table.shape[0]
    assert sample.sampler == ("uncorrelated" if is_smc else "mcmc")
    mean_loglike = np.average(sample.loglikes, weights=sample.weights)
    assert mean_loglike == pytest.approx(-found.log_prob.mean())


def test_chains_stay_apart():
    sample = to_getdist(posterior())
    sample.getSeparateChains()
    assert len(sample.getSeparateChains()) == 8
    assert 0 <= sample.getGelmanRubin() < 0.05


def test_repeated_draws_become_weights():
    sample = to_getdist(posterior(is_smc=True))
    assert len(sample.weights) < 400
    assert sample.weights.max() > 3
    chains = to_getdist(posterior())
    assert len(chains.weights) == 8 * 399
    assert chains.weights.max() == 2


def test_density_respects_a_hard_bound():
    theta = np.abs(np.random.default_rng(1).standard_normal((4000, 1, 1)))
    found = make_posterior(
        theta,
        names=("x",),
        labels=("x",),
        config={"sampler": "smc", "bounds": [[0.0, np.inf]], "periodic": []},
    )
    density = to_getdist(found).get1DDensity("x")
    # Without the bound, smoothing would halve the density at 0.
    assert density.Prob(0.0) / density.Prob(0.5) == pytest.approx(1.13, abs=0.12)


def test_labels_of_legends_and_settings_are_passed_on():
    sample = to_getdist(posterior(), label="run 1", settings={"contours": [0.5]})
    assert sample.getLabel() == "run 1"
    assert list(sample.contours) == [0.5]
