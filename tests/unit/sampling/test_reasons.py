"""Every setting of a run comes with its value and a reason."""

from flowmc.results.ledger import setting_rows
from flowmc.sampling import assemble
from flowmc.targets import skewed_gaussian
from tests.unit.sampling.runs import SCHEDULE, run_bare


def test_every_setting_has_a_reason(finished):
    reasons = finished.posterior.config["pilot"]["reasons"]
    expected = {
        "num_local",
        "model",
        "kernel",
        "step_size",
        "particles",
        "min_draws",
        "windows",
        "num_jumps",
        "defensive_weight",
        "proposal",
    }
    assert expected <= reasons.keys()
    for name, text in reasons.items():
        assert len(text) > 10, name
    assert reasons["windows"].startswith(f"{len(SCHEDULE.windows)}: ")
    assert reasons["num_jumps"].startswith(f"{SCHEDULE.num_jumps}: ")
    assert "affine map" in reasons["model"]


def test_the_summary_lists_them(finished):
    rows = setting_rows(finished.posterior)
    names = [row[0] for row in rows]
    assert "windows" in names
    assert len(set(names)) == len(names)
    assert all(all(row) and len(row) == 3 for row in rows)


def test_draws_without_weights_are_told(monkeypatch):
    target = skewed_gaussian().target("numpy")
    scored = run_bare(target)
    assert "log_weight" in scored.stats
    reasons = scored.config["pilot"]["reasons"]
    assert reasons["log_q"] == "stored: the proposal scores every draw"
    monkeypatch.setattr(assemble, "MOST_SCORED", 50)
    monkeypatch.setattr(assemble, "SCORED_PER_PARAMETER", 100)
    posterior = run_bare(target)
    assert "log_q" not in posterior.stats
    assert "log_weight" not in posterior.stats
    (row,) = [row for row in setting_rows(posterior) if row[0] == "log q"]
    assert row[1] == "left out"
    assert "draws are more than the 50 that are scored at 2 parameters" in row[2]
