"""flowmc inside the real cobaya: a known answer, files, resuming, refusals."""

import os

import numpy as np
import pytest
from scipy import special, stats

from flowmc.core.errors import ConfigurationError

pytestmark = pytest.mark.full
cobaya = pytest.importorskip("cobaya", reason="the adapter for cobaya needs cobaya")

import flowmc  # noqa: E402
from flowmc.adapters.cobaya import FlowMC  # noqa: E402

NAME = "flowmc.adapters.cobaya.FlowMC"
SMC = {"num_draws": 20_000, "num_particles": 512, "flow": "gaussian", "seed": 2}
KAPPA, TILT = 2.0, 0.1
# a ~ N(0, 2), b ~ U(-10, 10), phase circular; the likelihood N(1; a, 1/2)
# N(b; a - 1/2, 3/10) exp(KAPPA cos(phase)); a prior exp(TILT a) given as a function.
PRECISION = 1 / 4 + 4
MEAN_A, SD_A = (4 + TILT) / PRECISION, PRECISION**-0.5
MEAN_B, SD_B = MEAN_A - 0.5, np.hypot(SD_A, 0.3)
LOG_EVIDENCE = (
    stats.norm.logpdf(1, 0, np.hypot(2, 0.5))
    + ((4 + TILT) ** 2 - 4**2) / (2 * PRECISION)
    - np.log(20)
    + np.log(special.i0(KAPPA))
)
COSINE = special.i1(KAPPA) / special.i0(KAPPA)


class Counted:
    """The likelihood, and how often it was called."""

    def __init__(self):
        self.calls = 0

    def likelihood(self):
        """Return a function; cobaya reads the names of its arguments."""

        def log_likelihood(a, b, phase):
            self.calls += 1
            value = -0.5 * ((a - 1) / 0.5) ** 2 - 0.5 * ((b - a + 0.5) / 0.3) ** 2
            value += KAPPA * np.cos(phase) - np.log(2 * np.pi * 0.5 * 0.3)
            return value, {"total": a + b}

        return log_likelihood


def info(counted, *, output=None, **options):
    """cobaya's description of the problem."""
    likelihood = {"external": counted.likelihood(), "output_params": ["total"]}
    return {
        "likelihood": {"line": likelihood},
        "params": {
            "a": {"prior": {"dist": "norm", "loc": 0, "scale": 2}, "latex": r"\alpha"},
            "b": {"prior": [-10, 10]},
            "phase": {"prior": [0, 2 * np.pi], "periodic": True},
            "total": {"latex": "a+b"},
            "square": {"derived": "lambda a: a**2"},
        },
        "prior": {"tilt": f"lambda a: {TILT} * a"},
        "sampler": {NAME: options},
        **({"output": str(output)} if output else {}),
    }


def run(counted, **options):
    """`cobaya.run` without MPI; returns the sampler."""
    control = {k: options.pop(k) for k in ("resume", "force") if k in options}
    _, sampler = cobaya.run(info(counted, **options), no_mpi=True, **control)
    return sampler


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("cobaya") / "run"


@pytest.fixture(scope="module")
def counted():
    return Counted()


@pytest.fixture(scope="module")
def sampler(output, counted):
    return run(counted, output=output, **SMC)


def assert_known_answer(collection, *, num_independent):
    """Means and sds within 4 standard errors of what is known."""
    n, weight = num_independent, collection["weight"].to_numpy()

    def mean(values):
        return np.average(values, weights=weight)

    for name, center, sd in (("a", MEAN_A, SD_A), ("b", MEAN_B, SD_B)):
        values = collection[name].to_numpy()
        found = mean(values)
        assert abs(found - center) < 4 * sd / np.sqrt(n)
        spread = np.sqrt(mean((values - found) ** 2))
        assert abs(spread / sd - 1) < 4 / np.sqrt(2 * n)
    cosine = np.cos(collection["phase"].to_numpy())
    assert abs(mean(cosine) - COSINE) < 4 * np.std(cosine) / np.sqrt(n)


def test_known_answer_of_smc(sampler):
    products = sampler.products()
    assert products["sample"]["weight"].sum() == SMC["num_draws"]
    # Resampled once, with weights worth as many: half of them are independent.
    assert_known_answer(products["sample"], num_independent=SMC["num_draws"] / 2)
    error = products["logZstd"]
    assert 0 < error < 0.02
    assert abs(products["logZ"] - LOG_EVIDENCE) < 4 * error
    assert products["posterior"].verdict.ok


def test_rows_hold_all_parts_of_the_posterior(sampler, counted):
    row = sampler.products()["sample"].data.iloc[7]
    a, b = row["a"], row["b"]
    assert row["total"] == pytest.approx(a + b)
    assert row["square"] == pytest.approx(a**2)
    value, _ = Counted().likelihood()(a, b, row["phase"])
    assert row["chi2__line"] == pytest.approx(-2 * value)
    assert row["minuslogprior__tilt"] == pytest.approx(-TILT * a)
    prior = stats.norm.logpdf(a, 0, 2) - np.log(20 * 2 * np.pi)
    assert row["minuslogpost"] == pytest.approx(-(value + prior + TILT * a))
    # Nothing is computed twice but what setting up and fingerprints ask for.
    assert counted.calls < sampler.posterior.cost.log_prob_calls + 100


def test_files_open_in_getdist(sampler, output):
    getdist = pytest.importorskip("getdist", reason="cobaya's files are for GetDist")
    loaded = getdist.loadMCSamples(str(output), no_cache=True)
    assert loaded.sampler == "nested"
    sample = sampler.samples()
    names = ["a", "b", "phase", "total"]
    means = np.average(sample[names].to_numpy(), axis=0, weights=sample["weight"])
    np.testing.assert_allclose(loaded.mean(names), means, rtol=1e-6)
    assert loaded.ranges.periodic == {"phase"}
    assert loaded.parLabel("a") == r"\alpha"
    direct = sampler.samples(to_getdist=True)
    np.testing.assert_allclose(direct.mean(names), means, rtol=1e-10)


def test_evidence_and_posterior_lie_beside_them(sampler, output):
    evidence = cobaya.yaml.yaml_load_file(f"{output}.logZ")
    assert evidence["logZ"] == pytest.approx(sampler.products()["logZ"])
    posterior = flowmc.load(f"{output}.flowmc-posterior.h5")
    assert posterior.names == ("a", "b", "phase")
    assert posterior.labels[0] == r"\alpha"
    assert posterior.config["periodic"] == ["phase"]


def test_resume_force_and_neither(sampler, output):
    found = sampler.products()
    with pytest.raises(cobaya.log.LoggedError, match="resume"):
        run(Counted(), output=output, **SMC)
    again = run(Counted(), output=output, resume=True, **SMC)
    assert again.products()["logZ"] == found["logZ"]
    np.testing.assert_allclose(again.products()["sample"]["a"], found["sample"]["a"])
    with pytest.raises(cobaya.log.LoggedError, match="[Nn]ot compatible|not possible"):
        run(Counted(), output=output, resume=True, **{**SMC, "seed": 5})
    assert os.path.exists(f"{output}.flowmc-state.h5")
    FlowMC.delete_output_files(cobaya.output.get_output(str(output), resume=True))
    left = {name for name in os.listdir(output.parent) if "yaml" not in name}
    assert not any("flowmc" in name or "logZ" in name for name in left), left


def test_chains():
    options = {"num_draws": 400, "flow": "gaussian", "method": "mcmc", "num_chains": 64}
    sampler = run(Counted(), **options)
    posterior, sample = sampler.posterior, sampler.samples()
    assert sample.sample_type == "mcmc"
    assert posterior.config["bounds"][1] == [-10.0, 10.0]
    assert sample["weight"].sum() == 400 * 64
    least = posterior.diagnostics.ess_bulk[:2].min()
    assert least > 2_000
    assert_known_answer(sample, num_independent=min(least, 20_000) / 2)


def test_unusable_options_are_refused(monkeypatch):
    with pytest.raises(ConfigurationError, match="smc, mcmc"):
        run(Counted(), method="nested")
    with pytest.raises(cobaya.log.LoggedError, match="num_particle"):
        run(Counted(), num_particle=12)
    monkeypatch.setattr(cobaya.mpi, "size", lambda: 2)
    with pytest.raises(ConfigurationError, match="without mpirun"):
        FlowMC.initialize(type("Fake", (), {"method": "smc"})())
