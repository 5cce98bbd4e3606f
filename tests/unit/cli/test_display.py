"""No terminal: a few lines; quiet: none."""

from flowmc.cli.display import Display
from flowmc.cli.log_progress import LogProgress


def test_log_lines_at_each_quarter_and_phase(capsys):
    progress = LogProgress()
    for done in range(101):
        progress.update("warmup", done, 100, {"acceptance": 0.25, "model": "maf"})
    progress.update("production", 3, 7)
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[1].endswith("warmup: 25 of 100 acceptance=0.25 model=maf")
    assert lines[-1].endswith("production: 3 of 7")
    assert all(line.startswith("flowmc [") for line in lines)


def test_phases_that_take_turns_are_not_repeated(capsys):
    progress = LogProgress()
    for window in range(3):
        progress.update("warm-up", window, 12)
        progress.update("train", 100, 1000)
    assert len(capsys.readouterr().err.splitlines()) == 2
    progress.update("train", 10, 1000)  # another fit
    assert "train: 10 of 1000" in capsys.readouterr().err


def test_off_a_terminal_status_is_a_line(capsys):
    display = Display()
    assert not display.is_terminal
    assert isinstance(display.progress, LogProgress)
    with display.busy("Writing files") as announce:
        announce("Writing corner.png")
    captured = capsys.readouterr()
    assert [line.split("] ")[1] for line in captured.err.splitlines()] == [
        "Writing files",
        "Writing corner.png",
    ]
    assert captured.out == ""


def test_quiet_says_nothing(capsys):
    display = Display(quiet=True)
    assert display.progress is False
    display.say("x")
    with display.busy("y") as announce:
        announce("z")
    assert capsys.readouterr() == ("", "")


def test_terminal_gets_bars_and_a_spinner(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    display = Display()
    assert display.progress is True
    with display.busy("Writing files") as announce:
        announce("Writing corner.png")
    assert capsys.readouterr().out == ""
