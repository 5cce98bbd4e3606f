"""A result on the terminal: summary, evidence, cost, diagnostics, verdict."""

__all__ = [
    "result_console",
    "show_findings",
    "show_result",
    "show_run",
    "show_summary",
    "show_verdict",
]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

# Left out, in this order, where the terminal is too narrow for the whole table.
EXPENDABLE = (("MCSE",), ("5%", "95%"), ("16%", "84%"), ("tail ESS",))
FILE_WIDTH = 140  # of output that goes to a file or a pipe


def result_console() -> Console:
    """Return a console on stdout, wide enough for tables where nobody looks."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def show_result(posterior: Any, path: Path, files: Sequence[Path]) -> None:
    """Show everything that `flowmc run` ends with."""
    console = result_console()
    show_summary(posterior, console)
    show_run(posterior, console)
    show_verdict(posterior.verdict, console)
    names = ", ".join(file.name for file in files)
    console.print(f"\nResults in {path}: {names}", markup=False, highlight=False)


def show_summary(posterior: Any, console: Console) -> None:
    """Show the table of parameters, one row each."""
    table = posterior.summary()
    rows = table.formatted_rows()
    dropped: set[str] = set()
    unlimited = console.options.update(max_width=1000)
    for names in ((), *EXPENDABLE):
        dropped.update(names)
        grid = _grid(table.columns, rows, dropped)
        width = Measurement.get(console, unlimited, grid).maximum
        if width <= console.width:
            break
    console.print(grid)


def show_run(posterior: Any, console: Console) -> None:
    """Show evidence, cost, and the settings with their reasons."""
    from flowmc.results.ledger import ledger_rows, notes_of_run, setting_rows

    _show_evidence(posterior, console)
    grid = _facts("cost")
    for row in ledger_rows(posterior):
        grid.add_row(*row)
    console.print(grid)
    if rows := setting_rows(posterior):
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in ("settings", "", "why"):
            grid.add_column(title)
        for setting in rows:
            grid.add_row(*map(Text, setting))
        console.print(grid)
    for note in notes_of_run(posterior):
        console.print(note, markup=False, highlight=False)


def show_findings(findings: Sequence[str], console: Console) -> None:
    """Show sentences on what was looked at."""
    console.print("\n[bold]Looked at:[/]")
    for sentence in findings:
        console.print(f"- {sentence}", markup=False, highlight=False)


def show_verdict(verdict: Any, console: Console) -> None:
    """Show whether the draws may be reported, and why not."""
    if verdict.ok:
        console.print("\n[bold green]Verdict: good.[/] Every check passed.")
        return
    console.print("\n[bold red]Verdict: not good.[/]")
    for reason in verdict.reasons:
        console.print(f"- {reason}", markup=False, highlight=False)


def _show_evidence(posterior: Any, console: Console) -> None:
    if posterior.log_evidence is None:
        return
    quoted = _plus_minus(posterior.log_evidence, posterior.log_evidence_error)
    console.print(f"[bold]ln Z = {quoted}[/]")
    if len(posterior.evidence) > 1:
        for method, pair in posterior.evidence.items():
            console.print(f"  by {method}: {_plus_minus(*pair)}")


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]], dropped: set) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    kept = [index for index, name in enumerate(columns) if name not in dropped]
    for index in kept:
        grid.add_column(columns[index], justify="right" if index else "left")
    for row in rows:
        grid.add_row(*(row[index] for index in kept))
    return grid


def _facts(title: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column(title)
    grid.add_column("", justify="right")
    return grid


def _plus_minus(value: float, error: float | None) -> str:
    return f"{value:.4f}" if error is None else f"{value:.4f} +- {error:.4f}"
