"""Words are completed in shells, by the process that the shell starts."""

import os
import subprocess
import sys

import pytest

CODE = "import sys; from flowmc.cli.main import main; sys.exit(main())"
WITHOUT_DETECTION = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"


def run(*words, **variables):
    return subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ":".join(filter(None, sys.path))} | variables,
    )


def completed(line):
    """Return what bash is told for the last word of a line."""
    words = line.split(" ")
    result = run(
        _FLOWMC_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flowmc ex", ["export"]),
        ("flowmc va", ["validate"]),
        ("flowmc list ", ["models", "kernels", "losses"]),
        ("flowmc export somewhere --to ", ["arviz", "getdist", "csv"]),
        ("flowmc export somewhere --to g", ["getdist"]),
        ("flowmc run a.toml --re", ["--resume"]),
        (
            "flowmc validate --only ",
            ["models", "kernels", "sample", "smc", "emcee"],
        ),
    ],
)
def test_words_are_completed(line, expected):
    assert completed(line) == expected


def test_every_command_is_offered():
    from flowmc.cli.commands import COMMANDS

    assert completed("flowmc ") == ["run", *COMMANDS]
    assert len(COMMANDS) == 8


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_a_shell(shell):
    result = run("--show-completion", shell, **{WITHOUT_DETECTION: "1"})
    assert result.returncode == 0, result.stderr
    assert "_FLOWMC_COMPLETE" in result.stdout


def test_installing_writes_to_the_home_folder(tmp_path):
    result = run(
        "--install-completion",
        "bash",
        HOME=str(tmp_path),
        **{WITHOUT_DETECTION: "1"},
    )
    assert result.returncode == 0, result.stderr
    text = (tmp_path / ".bashrc").read_text()
    scripts = list((tmp_path / ".bash_completions").iterdir())
    assert scripts[0].name == "flowmc.sh"
    assert str(scripts[0]) in text


def test_completing_loads_nothing_heavy():
    script = (
        "import os, sys\n"
        "from flowmc.cli.main import main\n"
        "try:\n    main([])\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'numpy', 'rich', 'arviz'} & set(sys.modules)\n"
        "    os.write(2, ' '.join(heavy).encode())"
    )
    variables = {
        "_FLOWMC_COMPLETE": "complete_bash",
        "COMP_WORDS": "flowmc ",
        "COMP_CWORD": "1",
        "PYTHONPATH": ":".join(filter(None, sys.path)),
    }
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    assert "run" in result.stdout
    assert result.stderr == ""
