"""A result on the terminal: summary, evidence, cost, diagnostics, verdict."""

__all__ = [
    "result_console",
    "show_diagnostics",
    "show_result",
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
    _show_evidence(posterior, console)
    _show_cost(posterior.cost, console)
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


def show_diagnostics(diagnostics: Any, console: Console) -> None:
    """Show convergence, acceptance, stuck runs and weights."""
    grid = _facts("diagnostics")
    for name, value, text in (
        ("R-hat, largest", diagnostics.r_hat, "{:.4f}"),
        ("bulk ESS, smallest", diagnostics.ess_bulk, "{:.0f}"),
        ("tail ESS, smallest", diagnostics.ess_tail, "{:.0f}"),
    ):
        index = _worst(value, largest=name.startswith("R-hat"))
        grid.add_row(name, f"{text.format(value[index])} ({diagnostics.names[index]})")
    for kernel, rate in diagnostics.acceptance.items():
        grid.add_row(f"acceptance, {kernel}", f"{rate:.3f}")
    grid.add_row("longest stuck run", f"{diagnostics.longest_stuck_run} draws")
    if diagnostics.pareto_k is not None:
        grid.add_row("Pareto k of the weights", f"{diagnostics.pareto_k:.2f}")
    if diagnostics.importance_ess is not None:
        grid.add_row("ESS of the weights", f"{diagnostics.importance_ess:.0f}")
    grid.add_row("bad values rejected", f"{diagnostics.num_bad_values}")
    for key, value in diagnostics.mode_report.items():
        text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        grid.add_row(f"modes, {key}", f"{text}")
    console.print(grid)


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


def _show_cost(cost: Any, console: Console) -> None:
    grid = _facts("cost")
    grid.add_row("likelihood calls", f"{cost.log_prob_calls:,}")
    grid.add_row("gradient calls", f"{cost.gradient_calls:,}")
    for kind, seconds in cost.seconds.items():
        grid.add_row(f"seconds, {kind}", f"{seconds:.1f}")
    console.print(grid)


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


def _worst(values: Any, *, largest: bool) -> int:
    # NaN is worse than any number.
    order = [value if value == value else float("inf") for value in values]
    if largest:
        return order.index(max(order))
    order = [value if value == value else float("-inf") for value in values]
    return order.index(min(order))


def _plus_minus(value: float, error: float | None) -> str:
    return f"{value:.4f}" if error is None else f"{value:.4f} +- {error:.4f}"
