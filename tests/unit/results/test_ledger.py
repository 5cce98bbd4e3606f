"""What was spent, what came of it, and why it was set up so."""

import pytest

from flowmc.core.records import Cost
from flowmc.results.ledger import (
    efficiency,
    ledger_rows,
    notes_of_run,
    setting_rows,
)
from tests.unit.results.builders import make_posterior

PILOT = {
    "num_pilot": 64,
    "acceptance": 0.31,
    "has_gradient": True,
    "reasons": {
        "model": "maf: the network beats the affine map by 0.8 nats",
        "num_local": "4: local steps give 3 times the ESS per evaluation",
        "odd": "no colon here",
    },
}


def test_efficiency_counts_everything_that_was_spent():
    posterior = make_posterior()
    found = efficiency(posterior)
    smallest = posterior.diagnostics.ess_bulk.min()
    assert found["ess"] == smallest
    assert found["ess_per_call"] == pytest.approx(smallest / 81_234)
    assert found["ess_per_gradient"] == pytest.approx(smallest / 12_345)
    assert found["ess_per_second"] == pytest.approx(smallest / 61.5)
    assert set(efficiency(make_posterior(cost=Cost()))) == {"ess"}


def test_rows():
    rows = dict(ledger_rows(make_posterior()))
    assert rows["log-density evaluations"] == "81,234"
    assert rows["seconds, compile"] == "8.5"
    assert "ESS per 1000 evaluations" in rows
    assert "ESS per second" in rows
    seconds = [name for name in rows if name.startswith("seconds")]
    assert seconds == ["seconds, compile", "seconds, train", "seconds, total"]


def test_settings_and_why():
    rows = setting_rows(make_posterior(config={"pilot": PILOT}))
    assert rows[0] == ("model", "maf", "the network beats the affine map by 0.8 nats")
    assert rows[2] == ("odd", "no colon here", "")
    again = setting_rows(make_posterior(config={"pilot": {**PILOT, "num_local": 4}}))
    assert again == rows
    assert ("num pilot", "64", "measured") in rows
    assert ("acceptance", "0.31", "measured") in rows
    assert ("has gradient", "yes", "measured") in rows
    for config in ({}, {"pilot": None}, {"pilot": {}}):
        assert setting_rows(make_posterior(config=config)) == []


def test_runs_by_the_clock_are_marked():
    assert notes_of_run(make_posterior()) == []
    note = notes_of_run(make_posterior(config={"reproducible": False}))[0]
    assert note.startswith("Not reproducible")
    assert "depends on the machine" in note
