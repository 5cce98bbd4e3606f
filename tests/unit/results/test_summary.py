"""The table: right numbers, aligned text."""

import numpy as np
import pytest

from flowmc.results.summary import format_value
from tests.unit.results.builders import make_posterior


@pytest.fixture(scope="module")
def posterior():
    return make_posterior()


def test_numbers(posterior):
    table = posterior.summary()
    found = table.to_dict()
    assert list(found) == ["logk1", "logk2", "jit", "k1"]
    flat = posterior.flat()[:, 1]
    row = found["logk2"]
    assert row["mean"] == pytest.approx(flat.mean())
    assert row["sd"] == pytest.approx(flat.std(ddof=1))
    assert row["q05"] == pytest.approx(np.quantile(flat, 0.05))
    assert row["q84"] == pytest.approx(np.quantile(flat, 0.84))
    assert row["r_hat"] == posterior.diagnostics.r_hat[1]
    assert row["ess_tail"] == posterior.diagnostics.ess_tail[1]
    assert row["mcse_mean"] == pytest.approx(row["sd"] / np.sqrt(2400), rel=0.15)
    assert found["k1"]["q50"] == pytest.approx(np.median(posterior.derived["k1"]))


def test_rows_and_columns_fit(posterior):
    table = posterior.summary()
    assert table.columns[:4] == ("parameter", "mean", "sd", "5%")
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert {len(row) for row in table.formatted_rows()} == {len(table.columns)}
    lines = str(table).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("parameter")
    assert lines[1].startswith("logk1")


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (1.50421, 0.17213, "1.504"),
        (12345.678, 250.0, "12346"),
        (-0.012341, 0.002, "-0.01234"),
        (3.2e-12, 1e-13, "3.2e-12"),
        (7e8, 1e7, "7e+08"),
        (7.0, 0.0, "7"),
        (float("nan"), 1.0, "nan"),
        (float("inf"), 1.0, "inf"),
    ],
)
def test_digits_follow_the_spread(value, scale, text):
    assert format_value(value, scale=scale) == text
