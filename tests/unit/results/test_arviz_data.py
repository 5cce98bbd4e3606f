"""Export to ArviZ and netCDF."""

import json

import numpy as np
import pytest
import xarray

from flowmc.core.errors import ConfigurationError, MissingDependencyError
from flowmc.results import arviz_shim
from flowmc.results.arviz_data import save_arviz
from flowmc.results.files import OutputWriteError
from tests.unit.results.builders import draws, make_posterior


@pytest.fixture(scope="module")
def posterior():
    return make_posterior()


def test_groups_and_axes(posterior):
    data = posterior.to_arviz()
    group, stats = data["posterior"], data["sample_stats"]
    assert set(group.data_vars) == {"logk1", "logk2", "jit", "k1"}
    assert group["logk2"].dims == ("chain", "draw")
    assert np.array_equal(group["logk2"].values, posterior.theta[:, :, 1].T)
    assert np.array_equal(stats["lp"].values, posterior.log_prob.T)
    accepted = posterior.stats["is_accepted"].T
    assert np.array_equal(stats["accepted"].values, accepted)
    assert stats["kernel"].shape == (8, 300)
    assert stats["kernel"].values[3, 1] == "random_walk"
    assert {"log_likelihood", "step"} <= set(stats.data_vars)


def test_attributes(posterior):
    found = posterior.to_arviz()["posterior"].attrs
    assert found["inference_library"] == "flowmc"
    assert found["log_evidence"] == -103.345
    assert found["verdict"].startswith("Verdict: good")
    assert found["sampling_time"] == 61.5
    assert json.loads(found["config"])["seed"] == 3


def test_arviz_agrees_with_our_summary(posterior):
    # A floor on our own adapters: ArviZ sees the same chains as we do.
    az = arviz_shim.import_arviz()
    chains = posterior.to_arviz()["posterior"]["logk1"].values
    assert float(az.rhat(chains)) == pytest.approx(posterior.diagnostics.r_hat[0])


def test_phases_and_kernels_are_marked():
    posterior = make_posterior(
        stats={"kernel": np.arange(300) % 2}, config={"kernel_names": ["local", "jump"]}
    )
    stats = posterior.to_arviz()["sample_stats"]
    assert np.all(stats["phase"].values == 1)
    assert stats["phase"].attrs["flag_meanings"] == "warmup production"
    assert stats["kernel"].attrs["flag_meanings"] == "local jump"
    assert stats["kernel"].attrs["flag_values"].tolist() == [0, 1]


def test_scores_of_the_proposal_are_exported():
    log_q = np.arange(2400.0).reshape(300, 8)
    posterior = make_posterior(stats={"log_q": log_q, "log_weight": -log_q})
    stats = posterior.to_arviz()["sample_stats"]
    assert np.array_equal(stats["log_weight"].values, -log_q.T)


def test_warm_up_only_on_request(posterior, tmp_path):
    assert "warmup_posterior" not in _groups(posterior.to_arviz())
    data = posterior.to_arviz(warmup=True)
    group, stats = data["warmup_posterior"], data["warmup_sample_stats"]
    assert set(group.data_vars) == {"logk1", "logk2", "jit"}
    assert np.array_equal(group["jit"].values, posterior.warmup.theta[:, :, 2].T)
    assert np.array_equal(stats["window"].values[5], posterior.warmup.window)
    assert np.array_equal(stats["lp"].values, posterior.warmup.log_prob.T)
    assert np.all(stats["phase"].values == 0)
    data.to_netcdf(str(tmp_path / "w.nc"), engine="h5netcdf")
    with xarray.open_dataset(
        tmp_path / "w.nc", group="warmup_sample_stats", engine="h5netcdf"
    ) as found:
        assert found["phase"].attrs["flag_meanings"] == "warmup production"
    bare = make_posterior(warmup=None).to_arviz(warmup=True)
    assert "warmup_posterior" not in _groups(bare)


def _groups(data):
    found = data.groups() if callable(data.groups) else data.groups
    return {name.strip("/") for name in found}


def test_netcdf_round_trip(posterior, tmp_path):
    path = tmp_path / "posterior ü.nc"
    save_arviz(posterior, path)
    with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as found:
        assert np.array_equal(found["jit"].values, posterior.theta[:, :, 2].T)
        assert found.attrs["log_evidence_error"] == 0.004
    with xarray.open_dataset(path, group="sample_stats", engine="h5netcdf") as found:
        assert found["kernel"].values[0, 0] == "independence"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(OutputWriteError):
        save_arviz(posterior, tmp_path / "missing" / "p.nc")


def test_axis_names_are_taken():
    theta = draws(event_size=1)
    posterior = make_posterior(theta, names=("chain",), labels=())
    with pytest.raises(ConfigurationError, match="'chain'"):
        posterior.to_arviz()


def test_short_runs_and_one_chain_export():
    data = make_posterior(draws(num_draws=5, num_chains=1)).to_arviz()
    assert data["posterior"]["jit"].shape == (1, 5)


def test_without_arviz_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "arviz", None)
    arviz_shim.import_arviz.cache_clear()
    with pytest.raises(MissingDependencyError, match="pip install arviz"):
        arviz_shim.import_arviz()
