"""With `--json`, stdout is one document, and its keys are those that are documented."""

import json

import pytest

from flowmc.cli.json_keys import DOCUMENTS, ERROR_KEYS
from flowmc.cli.main import main


@pytest.fixture
def folder(posterior, tmp_path):
    posterior.save(tmp_path / "posterior.h5")
    return tmp_path


def document(capsys, *words, code=0):
    """Run a command with `--json`; return what stands on stdout, all of it."""
    assert main([*map(str, words), "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == code
    return found


def test_summary(folder, capsys):
    found = document(capsys, "summary", folder)
    assert set(found) == set(DOCUMENTS["summary"])
    assert found["summary"]["mass"]["mean"] == pytest.approx(3.0, abs=0.2)
    assert found["files"] == ["posterior.h5"]


@pytest.mark.parametrize("name", ["good", "bad"])
def test_diagnose(name, posterior, bad_posterior, tmp_path, capsys):
    chosen = {"good": posterior, "bad": bad_posterior}[name]
    chosen.save(tmp_path / "posterior.h5")
    code = {"good": 0, "bad": 3}[name]
    found = document(capsys, "diagnose", tmp_path, code=code)
    assert set(found) == set(DOCUMENTS["diagnose"])
    assert found["verdict"]["ok"] == (code == 0)
    assert set(found["parameters"]) == {"mass", "spin"}
    assert found["parameters"]["mass"]["ess_bulk"] > 100.0


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["report"], ["report.html"]),
        (["export", "--to", "csv"], ["posterior.csv"]),
        (["export", "--to", "getdist"], ["chains/posterior.paramnames"]),
    ],
)
def test_what_was_written(words, files, folder, capsys):
    found = document(capsys, words[0], folder, *words[1:])
    assert set(found) == set(DOCUMENTS[words[0]])
    assert found["output"] == str(folder)
    assert found["files"][: len(files)] == files
    assert all((folder / name).is_file() for name in found["files"])


@pytest.mark.parametrize("what", ["models", "kernels", "losses"])
def test_list(what, capsys):
    found = document(capsys, "list", what)
    assert set(found) == set(DOCUMENTS["list"])
    assert found["listing"] == what
    assert all(found["names"].values())


def test_errors_have_a_document_too(capsys, tmp_path):
    found = document(capsys, "summary", tmp_path / "nowhere", code=2)
    assert set(found) == set(ERROR_KEYS)
    found = document(capsys, "export", tmp_path, "--to", "xlsx", code=2)
    assert found["error_type"] == "UsageError"
    assert "xlsx" in found["error"]


def test_every_command_with_json_is_documented():
    from flowmc.cli.commands import COMMANDS

    assert set(DOCUMENTS) == {"run", "run --test", *COMMANDS} - {"schema"}
