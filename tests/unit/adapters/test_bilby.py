"""flowmc inside the real bilby: a known answer, resuming, refusals."""

import json
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError, TargetError

pytestmark = pytest.mark.full
bilby = pytest.importorskip("bilby", reason="the adapter for bilby needs bilby")

import flowmc  # noqa: E402
from flowmc.adapters.bilby import Flowmc  # noqa: E402
from flowmc.adapters.bilby_likelihood import CubeLikelihood  # noqa: E402
from flowmc.results.arviz_shim import ess  # noqa: E402
from tests.unit.adapters import bilby_problem as problem  # noqa: E402
from tests.unit.results.builders import make_posterior  # noqa: E402

SMC = {"num_draws": 20_000, "num_particles": 512, "model": "gaussian"}
KEYS = ["a", "b", "phase"]


def run(folder, likelihood=None, **options):
    """`bilby.run_sampler` on the problem, which leaves its files in `folder`."""
    return bilby.run_sampler(
        problem.Likelihood() if likelihood is None else likelihood,
        problem.priors(),
        sampler="flowmc",
        outdir=str(folder),
        label="run",
        use_ratio=False,
        **options,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bilby")


@pytest.fixture(scope="module")
def result(folder):
    return run(folder, **SMC, sampling_seed=3)


def assert_known_answer(result, *, num_independent):
    """Means and sds within 4 standard errors of what is known."""
    draws, n = result.posterior, num_independent
    for values, mean, sd in (
        (draws["a"], problem.A.mean(), problem.A.std()),
        (draws["b"], problem.MEAN_B, problem.SD_B),
    ):
        assert abs(values.mean() - mean) < 4 * sd / np.sqrt(n)
        assert abs(values.std() / sd - 1) < 4 / np.sqrt(2 * n)
    cosine = np.cos(draws["phase"])
    assert abs(cosine.mean() - problem.COSINE) < 4 * cosine.std() / np.sqrt(n)
    assert draws["a"].min() > 0


def test_known_answer_of_smc(result):
    # Resampled once, with weights worth as many: half of them are independent.
    assert_known_answer(result, num_independent=len(result.posterior) / 2)
    error = result.log_evidence_err
    assert 0 < error < 0.02
    assert abs(result.log_evidence - problem.LOG_EVIDENCE) < 4 * error


def test_result_is_filled(result, folder):
    assert result.sampler == "flowmc"
    assert result.search_parameter_keys == KEYS
    assert result.samples.shape == (20_000, 3)
    draw = result.posterior.iloc[7]
    assert draw["offset"] == problem.OFFSET
    here = problem.Likelihood().log_likelihood(draw)
    assert draw["log_likelihood"] == pytest.approx(here)
    prior = problem.priors().ln_prob(dict(draw[KEYS]))
    assert draw["log_prior"] == pytest.approx(prior, abs=0.05)
    assert result.num_likelihood_evaluations > 10_000
    told = result.meta_data["flowmc"]
    assert told["verdict"] == {"ok": True, "reasons": []}
    assert told["evidence"]["importance"][0] == result.log_evidence
    kept = json.loads((folder / "run_result.json").read_text())
    assert kept["sampler_kwargs"]["num_particles"] == 512
    assert kept["sampler_kwargs"]["seed"] == 3


def test_posterior_lies_beside_it(result, folder):
    posterior = flowmc.load(folder / "flowmc_run" / "posterior.h5")
    np.testing.assert_array_equal(posterior.flat(), result.samples)
    assert posterior.labels[0] == r"\alpha"
    assert posterior.log_evidence == result.log_evidence
    assert posterior.config["bounds"][2] == [0.0, 2 * np.pi]
    assert posterior.config["periodic"] == ["phase"]
    assert "log evidence" in repr(posterior)
    assert len(posterior.summary().rows) == 3


def test_interrupted_run_goes_on_to_the_same_draws(result, tmp_path):
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, problem.Likelihood(stop_at=4_000), **SMC, seed=3)
    assert stop.value.code == 130
    assert (tmp_path / "flowmc_run" / "checkpoint.h5").exists()
    again = run(tmp_path, **SMC, seed=3)
    np.testing.assert_array_equal(again.samples, result.samples)
    assert again.log_evidence == result.log_evidence


def test_chains(tmp_path):
    chains = {"method": "mcmc", "nwalkers": 32, "num_draws": 250}
    found = run(tmp_path, **chains, model="gaussian")
    assert found.sampler_kwargs["num_chains"] == 32
    draws = found.samples.reshape(250, 32, 3)
    least = min(ess(draws[:, :, i].T, method="bulk") for i in range(2))
    assert least > 1_000
    assert_known_answer(found, num_independent=least / 2)
    assert np.isfinite(found.log_evidence)


@pytest.fixture
def make(tmp_path):
    def made(**options):
        return Flowmc(
            problem.Likelihood(), problem.priors(), outdir=str(tmp_path), **options
        )

    return made


def test_bilby_finds_the_sampler_by_its_entry_point():
    assert "flowmc" in bilby.core.sampler.get_implemented_samplers()
    assert bilby.core.sampler.get_sampler_class("flowmc") is Flowmc


def test_words_of_other_samplers_are_understood(make):
    sampler = make(nlive=600, random_seed=5, n_pool=3)
    assert sampler.kwargs["num_particles"] == 600
    assert sampler.kwargs["seed"] == 5
    assert sampler.npool == 3


@pytest.mark.parametrize("kind", ["npool", "pool"])
def test_pools_are_used(kind, make, monkeypatch, tmp_path):
    targets = []
    name = "flowmc.sampling.sample_smc.sample_smc"
    monkeypatch.setattr(name, lambda target, **options: targets.append(target))
    with ThreadPool(2) as threads:
        options = {"npool": 2} if kind == "npool" else {"pool": threads}
        for sampler in (make(), make(**options)):
            density = cube(sampler.priors, sampler.likelihood)
            sampler._sampled(density, tmp_path, should_stop=lambda: False)
        serial, pooled = targets
        assert (serial.pool_size, pooled.pool_size) == (1, 2)
        u = np.random.default_rng(0).uniform(size=(9, 3))
        np.testing.assert_array_equal(pooled.log_prob(u), serial.log_prob(u))
    assert sampler.likelihood.count < 200 or kind == "pool"  # bilby's own trials


def test_unknown_arguments_are_refused(make):
    with pytest.raises(ConfigurationError, match=r"got 'kernal'. Did you mean 'kernel"):
        make(kernal="t_pcn")
    with pytest.raises(ConfigurationError, match="got 'zzz'. Leave it out"):
        make(zzz=1)
    with pytest.raises(ConfigurationError, match="smc, mcmc"):
        make(method="nested").run_sampler()


def test_a_bad_verdict_is_told(make, caplog):
    sampler = make()
    bad = make_posterior(verdict_options={"extra_reasons": ["Too few draws."]})
    bilby.core.utils.logger.propagate = True
    sampler._fill(bad)
    assert "Too few draws." in caplog.text
    assert sampler.result.meta_data["flowmc"]["verdict"]["ok"] is False


def cube(priors, likelihood=None):
    """A likelihood on the unit cube."""
    keys = [key for key in priors if not priors[key].is_fixed]
    keys = [key for key in keys if key not in priors.constraint_keys]
    return CubeLikelihood(
        problem.Likelihood() if likelihood is None else likelihood,
        priors,
        keys=keys,
        fixed={"offset": problem.OFFSET},
        use_ratio=False,
    )


def test_broken_constraints_and_infinite_parameters_have_no_likelihood():
    density = cube(problem.priors())
    assert density(np.array([0.4, 0.5, 0.5])) == -np.inf
    assert np.isfinite(density(np.array([0.6, 0.5, 0.5])))
    assert density(np.array([1.0, 0.5, 0.5])) == -np.inf
    fraction, error = density.allowed_fraction(seed=0)
    assert abs(fraction - 0.5) < 4 * error < 0.02


def test_impossible_constraints_are_refused(monkeypatch):
    monkeypatch.setattr("flowmc.adapters.bilby_likelihood.MOST_TRIALS", 100)
    priors = problem.priors()
    priors["double"] = bilby.core.prior.Constraint(1e8, 1e9)
    with pytest.raises(TargetError, match="none did"):
        cube(priors).allowed_fraction(seed=0)


def test_joint_priors_need_a_conditional_dictionary():
    law = bilby.core.prior.MultivariateGaussianDist(
        ["a", "b"], mus=[0.0, 0.0], covs=[[1.0, 0.5], [0.5, 1.0]]
    )
    parts = {
        name: bilby.core.prior.MultivariateGaussian(law, name) for name in ("a", "b")
    }
    with pytest.raises(TargetError, match="ConditionalPriorDict"):
        cube(bilby.core.prior.PriorDict(parts)).theta(np.array([0.3, 0.6]))
    joint = cube(bilby.core.prior.ConditionalPriorDict(parts))
    assert np.isfinite(joint.theta(np.array([0.3, 0.6]))).all()
