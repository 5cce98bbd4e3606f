"""`flowmc run` against a made-up sampler: files, refusals, resuming, exit codes."""

import json
import os
import signal
import sys
import tomllib

import numpy as np
import pytest

import flowmc
from flowmc.cli.log_progress import LogProgress
from flowmc.cli.main import main
from flowmc.core.errors import InterruptedRunError, LogProbError
from flowmc.results.storage import load_posterior
from flowmc.sampling.settings import Schedule


class Sampler:
    """Stands for `flowmc.sample`: notes its arguments, returns what it was given."""

    def __init__(self, result):
        self.result = result
        self.calls = []

    def __call__(self, target, **arguments):
        self.calls.append((target, arguments))
        if callable(self.result):
            return self.result(target, **arguments)
        return self.result


@pytest.fixture
def sampler(monkeypatch, posterior):
    sampler = Sampler(posterior)
    monkeypatch.setitem(vars(flowmc), "sample", sampler)
    monkeypatch.setattr("flowmc.cli.run.import_tensorflow", lambda **_: None)
    return sampler


@pytest.fixture
def run(config_file, tmp_path, sampler):
    """Run the command on the made-up configuration; the output folder is `out`."""

    def call(*words, edit=None):
        if edit:
            config_file.write_text(edit(config_file.read_text()))
        return main(["run", str(config_file), "-o", str(tmp_path / "out"), *words])

    call.out = tmp_path / "out"
    return call


def with_all_outputs(text):
    return text.partition("[output]")[0]


def test_good_run_writes_and_tells(run, sampler, posterior, capsys):
    assert run() == 0
    names = {path.name for path in run.out.iterdir()}
    assert names == {"posterior.h5", "config.resolved.toml"}
    stored = load_posterior(run.out / "posterior.h5")
    np.testing.assert_array_equal(stored.theta, posterior.theta)
    captured = capsys.readouterr()
    assert "Verdict: good." in captured.out
    assert "ln Z = -12.5000" in captured.out
    assert str(run.out) in captured.out.replace("\n", "")
    target, arguments = sampler.calls[0]
    assert target.slope == 1.0
    assert arguments["num_draws"] == 200
    assert arguments["seed"] == 3
    assert arguments["resume"] is False
    assert arguments["checkpoint"] == run.out / "checkpoint.h5"
    assert arguments["schedule"] == Schedule()
    assert arguments["should_stop"]() is False
    assert isinstance(arguments["progress"], LogProgress)


def test_every_file_is_written(run, capsys):
    assert run("--quiet", edit=with_all_outputs) == 0
    for name in ("posterior.nc", "corner.png", "trace.png", "training.png"):
        assert (run.out / name).stat().st_size > 1000
    assert "<html" in (run.out / "report.html").read_text()
    assert capsys.readouterr().err == ""


def test_bad_verdict_is_code_3_with_all_files(run, sampler, bad_posterior, capsys):
    sampler.result = bad_posterior
    assert run() == 3
    assert "R-hat must be below 1.01" in capsys.readouterr().out
    assert (run.out / "posterior.h5").exists()


def test_settings_reach_the_sampler(run, sampler):
    extra = "initial = [[1, 2], [3, 4.5]]\nschedule = {num_local = 2}\n"
    assert run("--seed", "8", edit=lambda s: s.replace("seed = 3\n", extra)) == 0
    arguments = sampler.calls[0][1]
    assert arguments["seed"] == 8
    np.testing.assert_array_equal(arguments["initial"], [[1.0, 2.0], [3.0, 4.5]])
    assert arguments["schedule"] == Schedule(num_local=2)
    resolved = tomllib.loads((run.out / "config.resolved.toml").read_text())
    assert resolved["sample"]["seed"] == 8
    assert resolved["sample"]["num_chains"] == 4
    assert resolved["target"]["posterior"] == "../my runs/line.py:line"


def test_unknown_model_is_named(run, sampler, capsys):
    assert run(edit=lambda s: s.replace("seed = 3\n", "model = 'maff'\n")) == 2
    told = capsys.readouterr().err
    assert "`sample.model` must be one of auto" in told
    assert "did you mean `maf`?" in told
    assert not sampler.calls


def test_ragged_initial_is_named(run, sampler, capsys):
    ragged = "initial = [[1.0, 2.0], [3.0]]\n"
    assert run(edit=lambda s: s.replace("seed = 3\n", ragged)) == 2
    assert "`sample.initial` must be rows of equal length" in capsys.readouterr().err
    assert not sampler.calls


def test_second_run_is_refused_and_force_starts_again(run, sampler, capsys):
    assert run() == 0
    (run.out / "notes.txt").write_text("mine")
    assert run() == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "--resume" in told
    assert "--force" in told
    assert len(sampler.calls) == 1
    assert run("--force") == 0
    assert len(sampler.calls) == 2
    assert (run.out / "notes.txt").read_text() == "mine"


def test_resume_of_a_finished_run_shows_it(run, sampler, capsys):
    assert run() == 0
    capsys.readouterr()
    assert run("--resume", edit=lambda s: s.replace("plots = false", "")) == 0
    captured = capsys.readouterr()
    assert "holds a finished run" in captured.err
    assert "Verdict: good." in captured.out
    assert len(sampler.calls) == 1
    assert (run.out / "corner.png").exists()  # what was missing is written


def test_resume_under_other_settings_is_refused(run, sampler, capsys):
    assert run() == 0
    assert run("--resume", "--seed", "4") == 2
    told = capsys.readouterr().err
    assert "`sample.seed` was 3 and is now 4" in told
    assert run("--resume", edit=lambda s: s.replace("line.py:l", "line.py:broken")) == 2
    assert "`target.posterior` was" in capsys.readouterr().err


def test_resume_continues_a_checkpoint(run, sampler):
    run.out.mkdir()
    (run.out / "checkpoint.h5").write_bytes(b"x")
    assert run() == 2
    assert run("--resume") == 0
    assert sampler.calls[0][1]["resume"] is True


def test_finished_run_is_made_longer(run, sampler):
    assert run() == 0
    (run.out / "checkpoint.h5").write_bytes(b"x")
    assert run("--resume", edit=lambda s: s.replace("= 200", "= 300")) == 0
    arguments = sampler.calls[-1][1]
    assert len(sampler.calls) == 2
    assert arguments["num_draws"] == 300
    assert arguments["resume"] is True
    resolved = tomllib.loads((run.out / "config.resolved.toml").read_text())
    assert resolved["sample"]["num_draws"] == 300


def test_unfinished_run_may_get_another_budget(run, sampler):
    def stop(target, **arguments):
        arguments["checkpoint"].write_bytes(b"x")
        raise InterruptedRunError("Stopped.")

    posterior, sampler.result = sampler.result, stop
    assert run() == 130
    sampler.result = posterior
    longer = "max_seconds = 60.0\nseed = 3\n"
    assert run("--resume", edit=lambda s: s.replace("seed = 3\n", longer)) == 0


def test_resume_of_nothing_starts(run, sampler, capsys):
    assert run("--resume") == 0
    assert sampler.calls[0][1]["resume"] is False
    assert "nothing to resume" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_checkpoints_and_exits_130(run, sampler, capfd, number):
    def interrupted(target, **arguments):
        os.kill(os.getpid(), number)
        assert arguments["should_stop"]()
        arguments["checkpoint"].write_bytes(b"state")
        raise InterruptedRunError("The run was interrupted; its state is saved.")

    before = signal.getsignal(number)
    sampler.result = interrupted
    assert run() == 130
    assert signal.getsignal(number) is before
    told = capfd.readouterr().err
    assert "its state is saved" in told
    assert "`--resume` continues" in told
    assert "Traceback" not in told


def test_failing_target_is_code_1_and_keeps_the_traceback(run, sampler, capsys):
    def fails(target, **arguments):
        arguments["checkpoint"].write_bytes(b"state")
        raise LogProbError("The log-density is NaN at mass = 1.0, spin = 2.0.")

    sampler.result = fails
    assert run() == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "mass = 1.0" in told
    assert "`--resume` continues" in told
    assert "LogProbError" in (run.out / "traceback.txt").read_text()


def test_unexpected_error_is_one_line_unless_debug(run, sampler, capsys):
    def fails(target, **arguments):
        raise ZeroDivisionError("division by zero")

    sampler.result = fails
    assert run() == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in told
    assert "Traceback" not in told
    assert run("--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_json_has_stdout_to_itself(run, sampler, posterior, capsys):
    def chatty(target, **arguments):
        sys.stdout.write("a word from the user's code\n")
        return posterior

    sampler.result = chatty
    assert run("--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["verdict"]["ok"] is True
    assert document["files"] == ["posterior.h5", "config.resolved.toml"]
    assert "a word from the user" in captured.err


def test_test_option_times_the_target(config_file, sampler, tmp_path, capsys):
    assert main(["run", str(config_file), "--test"]) == 0
    out = capsys.readouterr().out
    assert "4 of 4 points finite" in out
    assert "800 evaluations" in out
    assert main(["run", str(config_file), "--test", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_finite"] == 4
    assert document["estimated_seconds"] > 0
    assert not sampler.calls
    assert {path.name for path in tmp_path.iterdir()} == {"my runs"}


def test_test_option_needs_points(config_file, fake_target, sampler, monkeypatch):
    monkeypatch.setattr(fake_target, "has_prior", False)
    assert main(["run", str(config_file), "--test"]) == 2
    with monkeypatch.context() as patch:
        patch.setattr(fake_target, "bounds", np.array([(-1.0, 2.0), (0.0, 3.0)]))
        assert main(["run", str(config_file), "--test"]) == 0
    text = config_file.read_text()
    config_file.write_text(text.replace("seed = 3", "initial = [[0.5, 1.0]]"))
    assert main(["run", str(config_file), "--test"]) == 0


def test_resolved_configuration_repeats_the_run(run, sampler, tmp_path):
    assert run() == 0
    again = str(tmp_path / "again")
    assert main(["run", str(run.out / "config.resolved.toml"), "-o", again]) == 0
    first, second = (arguments for _, arguments in sampler.calls)
    same = first.keys() - {"checkpoint", "progress", "should_stop"}
    assert all(first[key] == second[key] for key in same)
