"""What a mode report says against the draws, and how it reads."""

import pytest

from flowmc.results.diagnosis import diagnose_draws, findings
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.mode_verdict import mode_reasons, mode_rows
from flowmc.results.verdict import judge
from tests.unit.results.builders import draws

FULL = {
    "notes": ["Groups agree.", "Twice."],
    "search": "particles annealed from the prior",
    "scout_particles": 2048,
    "unseen_by_main": 0.0125,
    "adopted": True,
    "num_modes": 2,
    "mode_weights": [0.6667, 0.3333],
    "transitions": 41_000,
    "log_ratio": float("-inf"),
}


def test_a_whole_report_is_no_reason():
    assert list(mode_reasons(FULL)) == []
    assert list(mode_reasons({})) == []
    assert list(mode_reasons({**FULL, "num_modes": 1, "transitions": 0})) == []


@pytest.mark.parametrize(
    ("transitions", "is_bad"), [(0, True), (19, True), (20, False)]
)
def test_modes_need_transitions(transitions, is_bad):
    reasons = list(mode_reasons({**FULL, "transitions": transitions}))
    assert bool(reasons) == is_bad
    if is_bad:
        assert reasons[0].startswith("At least 20 transitions between modes")
        assert f"got {transitions} between 2 modes" in reasons[0]
        assert "not determined" in reasons[0]


def test_the_alarm_is_passed_on_and_judged():
    alarm = "Every mode must be seen by the flow; 3 % of the particles are not."
    report = {**FULL, "alarm": alarm}
    verdict = judge(compute_diagnostics(draws(), mode_report=report))
    assert verdict.reasons == [alarm]
    assert list(mode_reasons({**FULL, "alarm": ""})) == []


def test_rows_read_well():
    rows = dict(mode_rows({**FULL, "alarm": "not here"}))
    assert next(iter(rows)) == "search for further modes"
    assert rows["particles of the search"] == "2,048"
    assert rows["share of its draws that the sampler's flow missed"] == "1.2 %"
    assert rows["its modes taken into the proposals"] == "yes"
    assert rows["weights of the modes"] == "0.667, 0.333"
    assert rows["transitions between modes"] == "41,000"
    assert rows["notes"] == "Groups agree. Twice."
    assert rows["log ratio"] == "-inf"
    assert "alarm" not in rows
    many = dict(mode_rows({"mode_weights": [0.1] * 10}))
    assert many["weights of the modes"].endswith("0.1 ...")


def test_nobody_having_looked_is_a_reason():
    why = "no second group: the budget ended warm-up before its turn"
    report = {**FULL, "unlooked": why}
    (reason,) = mode_reasons(report)
    assert reason.startswith("A second group must look for what the chains have missed")
    assert why in reason
    assert "Raise `max_evaluations`" in reason
    assert "unlooked" not in dict(mode_rows(report))


def test_what_the_second_group_could_not_confirm_is_told_and_no_reason():
    title = "not confirmed"
    report = {**FULL, "unseen_by_scout": 0.31, "scout_inverse_temperature": 1.0}
    text = dict(mode_rows(report))[title]
    assert text.startswith("31 % of the sampler's draws lie where the second group")
    assert "no alarm, since a group of 2,048 particles loses modes" in text
    assert list(mode_reasons(report)) == []
    diagnosis = diagnose_draws(draws())
    assert not any("confirmed" in sentence for sentence in diagnosis.findings)
    told = findings(compute_diagnostics(draws(), mode_report=report))
    assert any(sentence.startswith("Not confirmed: 31 %") for sentence in told)
    assert title not in dict(mode_rows({**report, "unseen_by_scout": 0.01}))


ALONE = {
    **FULL,
    "replaced": True,
    "scout_temperatures": 9,
    "scout_inverse_temperature": 1.0,
    "scout_maxima": 0,
}


def test_a_missing_further_look_is_told_and_no_reason():
    title = "no further look"
    text = dict(mode_rows(ALONE))[title]
    assert "none was sent" in text
    assert "through all 9 temperatures" in text
    assert "another seed" in text
    assert list(mode_reasons(ALONE)) == []
    assert title not in dict(mode_rows({**ALONE, "confirmed": True}))
    assert title not in dict(mode_rows({**ALONE, "replaced": False}))
    told = findings(compute_diagnostics(draws(), mode_report=ALONE))
    assert any(
        sentence.startswith("No further look: Where chains") for sentence in told
    )


@pytest.mark.parametrize(
    "change",
    [{"scout_maxima": 3}, {"scout_inverse_temperature": 0.5}, {"adopted": False}],
)
def test_it_is_a_reason_where_the_group_has_not_seen_all(change):
    report = {**ALONE, **change}
    (reason,) = mode_reasons(report)
    assert reason.startswith("A group that chains went on from must have been annealed")
    assert "no other was sent. Leave `initial` out" in reason
    assert "no further look" not in dict(mode_rows(report))
    assert not judge(compute_diagnostics(draws(), mode_report=report)).ok
    assert list(mode_reasons({**report, "confirmed": True})) == []
    assert list(mode_reasons({**report, "replaced": False})) == []


def test_a_group_that_stopped_early_is_not_compared():
    shares = {"unseen_by_main": 0.9, "unseen_by_scout": 0.9, "unseen_at_the_end": 0.9}
    report = {**FULL, **shares, "adopted": False, "scout_inverse_temperature": 0.3}
    rows = dict(mode_rows(report))
    assert rows["inverse temperature it reached"] == "0.3"
    assert not any("90 %" in text for text in rows.values())
    assert "its modes taken into the proposals" not in rows
    arrived = dict(mode_rows({**report, "scout_inverse_temperature": 1.0}))
    assert arrived["share of its draws missed at the end of warm-up"] == "90 %"
