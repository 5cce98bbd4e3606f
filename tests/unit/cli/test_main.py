"""The command as a process: help, usage errors, pipes, and no heavy imports."""

import subprocess
import sys

import pytest

from flowmc import __version__
from flowmc.cli.main import main

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from flowmc.cli.main import main; sys.exit(main())",
]


def run(*words, **options):
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, **options
    )


def test_help_names_every_command():
    result = run("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    commands = ["run", "summary", "diagnose", "plot", "report", "export", "list"]
    for name in [*commands, "--version"]:
        assert name in result.stdout


def test_run_help_names_every_option():
    result = run("run", "--help")
    names = ["output", "resume", "force", "seed", "test", "quiet", "json", "debug"]
    for name in names:
        assert f"--{name}" in result.stdout


def test_version_and_no_arguments(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"flowmc {__version__}\n"
    assert main([]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sing"], "sing"),
        (["run"], "CONFIG.toml"),
        (["run", "a.toml", "--fast"], "--fast"),
        (["run", "a.toml", "-o", "b", "--seed", "x"], "--seed"),
        (["export", "somewhere"], "--to"),
        (["export", "somewhere", "--to", "xlsx"], "xlsx"),
        (["list", "flows"], "flows"),
        (["run", "absent.toml", "-o", "b"], "absent.toml"),
        (["run", "absent.toml"], "-o OUT"),
        (["run", "absent.toml", "-o", "b", "--resume", "--force"], "give one of them"),
        (["summary", "nowhere"], "nowhere"),
        (["diagnose", "nowhere"], "nowhere"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(words, part, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("flowmc: ")
    assert captured.err.count("\n") == 1
    assert part in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["list"], "losses. Try `flowmc list --help`."),
        (["sumary"], "Did you mean 'summary'? Try `flowmc --help`."),
        (
            ["export", "x", "--to", "cvs"],
            "'cvs' is not one of 'arviz', 'getdist', 'csv'. Did you mean 'csv'? Try "
            "`flowmc export --help`.",
        ),
        (["export", "x", "--to", "zz"], "'csv'. Try `flowmc export --help`."),
    ],
)
def test_bad_usage_names_what_was_meant_and_where_to_look(words, end, capsys):
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.endswith(f"{end}\n")
    assert "Value error" not in told


def test_debug_adds_the_traceback(capsys):
    assert main(["summary", "nowhere", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_error_as_json(capsys, tmp_path):
    import json

    path = str(tmp_path / "absent.toml")
    assert main(["run", path, "-o", str(tmp_path / "out"), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    assert document["error_type"] == "ConfigurationError"
    assert "absent.toml" in document["error"]


def test_starting_the_command_loads_nothing_heavy():
    script = (
        "import sys, flowmc.cli.main\n"
        "heavy = ['tensorflow', 'numpy', 'pydantic', 'arviz', 'matplotlib', 'h5py']\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_summary_does_not_load_tensorflow(posterior, tmp_path):
    posterior.save(tmp_path / "posterior.h5")
    script = (
        "import sys\n"
        "from flowmc.cli.main import main\n"
        f"code = main(['summary', {str(tmp_path)!r}])\n"
        "sys.exit(9 if 'tensorflow' in sys.modules else code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "spin" in result.stdout


@pytest.mark.parametrize("words", [["--help"], ["summary", "."]])
def test_closed_pipe_is_quiet(words, posterior, tmp_path):
    posterior.save(tmp_path / "posterior.h5")
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (1, 141)
    assert told == b""


def test_inspecting_commands(posterior, bad_posterior, tmp_path, capsys):
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder, result in ((good, posterior), (bad, bad_posterior)):
        folder.mkdir()
        result.save(folder / "posterior.h5")
    assert main(["diagnose", str(good)]) == 0
    assert main(["diagnose", str(bad)]) == 3
    out = capsys.readouterr().out
    assert "R-hat must be below" in out
    assert "- Acceptance of independence is 60.0 %." in out
    assert out.strip().startswith("Verdict: good.")
    assert out.index("Verdict: not good.") < out.rindex("Looked at:")
    assert main(["summary", str(good)]) == 0
    assert "ESS per second" in capsys.readouterr().out
    assert main(["export", str(good), "--to", "csv"]) == 0
    assert capsys.readouterr().out == f"{good / 'posterior.csv'}\n"


def test_damaged_posterior_is_code_1(tmp_path, capsys):
    (tmp_path / "posterior.h5").write_bytes(b"not a posterior")
    assert main(["summary", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
