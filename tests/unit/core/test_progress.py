"""Progress: nothing, a callable, an object, or a bar that stays off pipes."""

import pytest

from flowmc.core.progress import BarProgress, NullProgress, _fitting, make_progress


@pytest.mark.parametrize("progress", [None, False])
def test_silence(progress, capsys):
    display = make_progress(progress)
    display.update("warmup", 1, 2, {"acceptance": 0.5})
    display.close()
    assert isinstance(display, NullProgress)
    assert capsys.readouterr() == ("", "")


def test_callable_gets_every_report():
    reports = []
    display = make_progress(lambda *report: reports.append(report))
    display.update("warmup", 1, 2, {"acceptance": 0.5})
    display.update("warmup", 2, 2)
    display.close()
    assert reports == [("warmup", 1, 2, {"acceptance": 0.5}), ("warmup", 2, 2, {})]


def test_object_is_used_as_it_is():
    display = NullProgress()
    assert make_progress(display) is display


def test_true_draws_nothing_where_no_terminal_is(capsys):
    display = make_progress(True)
    display.update("warmup", 1, 2)
    display.close()
    assert capsys.readouterr() == ("", "")


def test_bar_shows_phase_count_and_statistics(capsys):
    display = BarProgress(disable=False)
    display.update("warmup", 1, 4, {"acceptance": 0.123456, "window": 2})
    display.update("warmup", 4, 4)
    display.update("production", 3, 9)
    display.close()
    shown = capsys.readouterr().err
    for text in ("warmup", "1/4", "4/4", "acceptance=0.123", "window=2", "production"):
        assert text in shown
    assert "3/9" in shown


def test_bar_closes_twice_and_opens_again(capsys):
    display = BarProgress(disable=False)
    display.close()
    display.update("warmup", 1, 2)
    display.close()
    display.close()
    display.update("warmup", 2, 2)
    display.close()
    assert "2/2" in capsys.readouterr().err


def test_total_may_grow(capsys):
    display = BarProgress(disable=False)
    display.update("production", 10, 20)
    display.update("production", 20, 40)
    display.close()
    assert "20/40" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_figures_are_whole_or_left_out(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    stats = {"b": 0.0381, "ln Z": -1.3245, "evaluations": 5130, "of about": 10700.0}
    stats |= {"ESS": 2012.0, "jump": 0.551, "local": 0.75}
    whole = "b=0.0381, ln Z=-1.32, evaluations=5,130 of ~10,700, ESS=2,012"
    shown = _fitting(stats, "anneal 72/100")
    assert (whole + ", jump=0.551, local=0.75").startswith(shown)
    assert shown.count("=") == {60: 2, 80: 3, 120: 6}[columns]
    assert shown.split(", ")[-1] in whole + ", local=0.75"
