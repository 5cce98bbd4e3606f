"""Every setting of a run comes with its value and a reason."""

from tests.unit.sampling.runs import SCHEDULE


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
    from flowmc.results.ledger import setting_rows

    rows = {row[0]: row for row in setting_rows(finished.posterior)}
    assert any("windows" in name for name in rows)
    assert all(len(row) == 3 for row in rows.values())
