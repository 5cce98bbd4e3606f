"""The report of `flowmc validate` on a terminal, or as plain text in a file."""

__all__ = ["show_report"]

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from flowmc.cli.show import result_console

COLUMNS = ("group", "case", "checks", "worst", "found", "error", "truth", "z", "")


def show_report(report: Any, document: Mapping[str, Any]) -> None:
    """Show a row for each case, that of its worst check, and what it means."""
    console, limit = result_console(), report.limit
    edges = box.SIMPLE_HEAD if console.is_terminal else box.ASCII2
    table = Table(box=edges, pad_edge=False)
    for index, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if index in (2, 4, 5, 6, 7) else "left")
    counts = _counts(report.checks)
    for check in report.worst():
        passed = check.passes(limit)
        word = Text("seen" if check.is_control else "ok", "green")
        if not passed:
            word = Text("MISSED" if check.is_control else "FAILED", "bold red")
        numbers = (check.found, check.error, check.truth)
        table.add_row(
            check.group,
            Text(check.case),
            str(counts[check.group, check.case]),
            Text(check.quantity),
            *(f"{number:.4g}" for number in numbers),
            f"{check.z:+.2f}",
            word,
        )
    for failure in report.failures:
        error = Text(failure.error)
        table.add_row(failure.group, failure.case, "", error, *[""] * 4, "RAISED")
    console.print(table)
    for sentence in _sentences(report, document):
        console.print(sentence, markup=False, highlight=False)


def _counts(checks: Any) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for check in checks:
        place = check.group, check.case
        found[place] = found.get(place, 0) + 1
    return found


def _sentences(report: Any, document: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(
        f"{name} {text}" for name, text in document["versions"].items()
    )
    spent = document["seconds"]
    parts = ", ".join(
        f"{name} {spent[name]:.0f} s" for name in spent if name != "total"
    )
    lines = [f"Note: {note}" for note in report.notes]
    lines += [
        f"{versions}; {document['device']}; seed {document['seed']}.",
        f"{spent['total']:.0f} s: {parts}.",
        f"{len(report.checks)} checks; abs(z) up to {report.limit:.2f} passes: correct "
        "code exceeds it somewhere in one of a thousand suites.",
    ]
    if report.ok:
        return [*lines, "All passed."]
    bad = len(report.failed) + len(report.failures)
    return [
        *lines,
        f"{bad} FAILED. Try again with another `--seed`: what fails twice is wrong "
        "here; report it with the output of `--json`.",
    ]
