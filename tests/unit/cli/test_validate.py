"""`flowmc validate`: exit codes, the table, the document, and a suite that fails."""

import json

import pytest

from flowmc import validation
from flowmc.cli.json_keys import DOCUMENTS
from flowmc.cli.main import main
from flowmc.validation.check import Check

GOOD = Check("kernels", "hmc", "change of E[x]", 0.01, 0.02, 0.0, 1.0)
BAD = Check("sample", "regression", "E[slope]", 1.03, 0.005, 1.0, 1.0)


def suite(*checks, failure=None, note=None):
    """Return what stands for `run_suite`, with an outcome of its own."""

    def run(*, report, progress, **options):
        if progress:
            for done in range(9):
                progress.update("validate", done, 9, {"case": f"case-{done}"})
        report.checks += checks
        report.seconds["kernels"] = 1.5
        if note:
            report.notes.append(note)
        if failure is not None:
            raise failure
        return report

    return run


def test_all_passed(monkeypatch, capsys):
    monkeypatch.setattr(validation, "run_suite", suite(GOOD, note="All is well."))
    assert main(["validate", "--quiet", "--seed", "4"]) == 0
    told = capsys.readouterr().out
    for part in ("hmc", "+0.50", "ok", "tensorflow 2", "emcee", "seed 4", "All passed"):
        assert part in told
    assert "Note: All is well." in told


def test_each_case_is_told_off_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(validation, "run_suite", suite(GOOD))
    assert main(["validate"]) == 0
    lines = capsys.readouterr().err.splitlines()
    told = [line.split("] ")[1] for line in lines if "validate" in line]
    assert told == [f"validate: {k} of 9 case=case-{k}" for k in range(9)]


def test_a_wrong_answer_fails(monkeypatch, capsys):
    monkeypatch.setattr(validation, "run_suite", suite(GOOD, BAD))
    assert main(["validate", "--quiet"]) == 1
    told = capsys.readouterr().out
    assert "+6.00" in told
    assert "1 FAILED" in told


def test_document(monkeypatch, capsys):
    monkeypatch.setattr(validation, "run_suite", suite(GOOD, BAD))
    assert main(["validate", "--quiet", "--json", "--quick"]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert set(found) == set(DOCUMENTS["validate"])
    assert found["quick"]
    assert not found["passed"]
    assert [check["passed"] for check in found["checks"]] == [True, False]
    assert found["checks"][1]["z"] == pytest.approx(6.0)
    assert {"flowmc", "numpy", "tensorflow", "emcee"} <= set(found["versions"])
    assert found["seconds"]["total"] > 0.0
    assert "CPU" in found["device"]


def test_interruption_is_one_line_and_code_130(monkeypatch, capsys):
    stopped = suite(GOOD, BAD, failure=KeyboardInterrupt())
    monkeypatch.setattr(validation, "run_suite", stopped)
    assert main(["validate", "--quiet"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    line = "flowmc: Interrupted after 2 checks, of which 1 failed.\n"
    assert captured.err.endswith(line)


def test_unknown_group_is_bad_usage(capsys):
    assert main(["validate", "--only", "flows"]) == 2
    assert "flows" in capsys.readouterr().err


def test_groups_are_those_of_the_suite():
    from flowmc.cli.commands import Group

    assert tuple(group.value for group in Group) == validation.GROUPS
