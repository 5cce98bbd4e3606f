"""The tables of the emcee benchmark, from its rows, as `docs/emcee_measured.md`."""

__all__ = ["write_report"]

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "emcee_measured.md"
INTRODUCTION = """# Moves inside emcee: measured

Written by `benchmarks/emcee_moves.py`; every run is in `results/emcee_moves.json`. All
contestants have the same walkers and starts; medians over the seeds. Evaluations and
seconds are those to 2000 effective draws, learning and burn-in included: iid-equivalent
draws on Rosenbrock-10 and the two Gaussians, the smallest bulk ESS on K2-24. A star
marks runs that were stopped before and are extrapolated at the rate they had.
"""
WEIGHT = 1.0 / 3.0


def write_report(document: dict[str, Any]) -> None:
    """Write the page; `document` holds runs and overheads."""
    by_problem: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for row in document["runs"]:
        by_problem[row["problem"]][row["contestant"]].append(row)
    parts = [INTRODUCTION]
    for problem, contestants in by_problem.items():
        parts += ["", f"## {problem}", "", *_table(contestants)]
        if problem == "mixture10":
            parts += [
                "",
                "Weight of the mode at +5, at the goal or after 100,000 evaluations:",
                "",
            ]
            parts += _weights(contestants)
    if document["overhead"]:
        parts += ["", "## Milliseconds a step, 64 walkers, 10 dimensions", ""]
        parts += ["| move | median | smallest |", "|---|---|---|"]
        parts += [f"| {n} | {m:.2f} | {s:.2f} |" for n, m, s in document["overhead"]]
        load = document.get("overhead_load", 0.0)
        parts += ["", f"Load average at the end {load:.1f} on two cores."]
    machine = document["machine"]
    parts += ["", f"Machine: {machine['processor']}, {machine['cores']} cores."]
    PAGE.write_text("\n".join(parts) + "\n")


def _table(contestants: dict[str, list]) -> list[str]:
    lines = [
        "| contestant | seeds | evaluations | seconds | effective when stopped |",
        "|---|---|---|---|---|",
    ]
    for name, rows in contestants.items():
        star = "*" if any(row["extrapolated"] for row in rows) else ""
        count, seconds, worth = (
            statistics.median(row[key] for row in rows)
            for key in ("to goal", "seconds to goal", "effective")
        )
        lines.append(
            f"| {name} | {len(rows)} | {count:,.0f}{star} | {seconds:,.0f}{star} | "
            f"{worth:,.0f} |"
        )
    return lines


def _weights(contestants: dict[str, list]) -> list[str]:
    lines = ["| contestant | weights | largest error |", "|---|---|---|"]
    for name, rows in contestants.items():
        found = [row["weight"] for row in rows if "weight" in row]
        if found:
            shown = ", ".join(f"{weight:.3f}" for weight in found)
            worst = max(abs(weight - WEIGHT) for weight in found)
            lines.append(f"| {name} | {shown} | {worst:.3f} |")
    return lines
