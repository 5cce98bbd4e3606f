"""Exports read back as the same numbers."""

import csv

import numpy as np
import pytest

from flowmc.cli.export import FORMATS, export_posterior
from flowmc.core.errors import ConfigurationError
from flowmc.results.arviz_shim import import_arviz


def test_csv_reads_back_exactly(posterior, tmp_path):
    (path,) = export_posterior(posterior, form="csv", folder=tmp_path)
    with path.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["chain", "draw", "mass", "spin", "energy", "log_prob"]
    table = np.array(rows, dtype=np.float64)
    num_draws, num_chains = posterior.log_prob.shape
    assert table.shape == (num_draws * num_chains, 6)
    theta = table[:, 2:4].reshape(num_chains, num_draws, 2)
    np.testing.assert_array_equal(theta.swapaxes(0, 1), posterior.theta)
    last = table.reshape(num_chains, num_draws, 6)[:, :, -1]
    np.testing.assert_array_equal(last.T, posterior.log_prob)


def test_getdist_files(posterior, tmp_path):
    written = export_posterior(posterior, form="getdist", folder=tmp_path)
    names, ranges, properties, *chains = written
    assert names.read_text() == "mass m\nspin \\chi\nenergy* energy\n"
    assert ranges.name == "posterior.ranges"
    assert properties.read_text() == "burn_removed = True\nsampler = mcmc\n"
    assert len(chains) == posterior.num_chains
    table = np.loadtxt(chains[1])
    np.testing.assert_array_equal(table[:, 0], 1.0)
    np.testing.assert_array_equal(table[:, 1], -posterior.log_prob[:, 1])
    np.testing.assert_array_equal(table[:, 2:4], posterior.theta[:, 1])
    np.testing.assert_array_equal(table[:, 4], posterior.derived["energy"][:, 1])


def test_arviz_file(posterior, tmp_path):
    (path,) = export_posterior(posterior, form="arviz", folder=tmp_path)
    assert path.name == "posterior.nc"
    found = import_arviz().from_netcdf(str(path))
    chains = found["posterior"]
    np.testing.assert_array_equal(chains["mass"].values, posterior.theta[:, :, 0].T)
    np.testing.assert_array_equal(
        found["sample_stats"]["lp"].values, posterior.log_prob.T
    )
    assert chains.attrs["inference_library"] == "flowmc"
    found.close()


def test_unknown_format(posterior, tmp_path):
    with pytest.raises(ConfigurationError, match="arviz, getdist, csv"):
        export_posterior(posterior, form="xlsx", folder=tmp_path)
    assert set(FORMATS) == {"arviz", "getdist", "csv"}
