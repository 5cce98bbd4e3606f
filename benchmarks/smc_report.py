"""The tables of `docs/smc_measured.md` from the rows of `smc.py`."""

__all__ = ["write_report"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from smc_problems import OURS, PROBLEMS

PAGE = Path(__file__).parents[1] / "docs" / "smc_measured.md"
HEAD = """# Annealed flow SMC, measured

Written by `python benchmarks/smc.py` from `benchmarks/results/smc.json`; see
[annealed flow SMC](smc.md) for what is measured. iid-equivalent draws are the number of
exact draws whose distance to the truth equals the run's. Medians over seeds; the error
of ln Z is its root mean square, over all seeds, good verdict or not.
"""


def write_report(rows: list[dict[str, Any]]) -> None:
    """Write the page's tables; rows that failed are listed as such."""
    lines = [HEAD, *_machines(rows), *_table(rows), "", *_pooled(rows)]
    # What is said of them, from the first heading on, is written by hand.
    _, heading, rest = PAGE.read_text().partition("\n## ")
    PAGE.write_text("\n".join(lines).rstrip() + "\n" + heading + rest)


def _machines(rows: list[dict[str, Any]]) -> Iterator[str]:
    found = {str(row["machine"].get("processor", "")) for row in rows}
    if found:
        yield f"Processor: {', '.join(sorted(found))}. The machine was shared.\n"


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        "| problem | contestant | runs | called good | evaluations | wall s | rms of "
        "ln Z | Kish | iid | iid/1000 | goal |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, problem in PROBLEMS.items():
        for contestant in (*OURS, *problem.peers):
            chosen = [
                row
                for row in rows
                if row["problem"] == name and row["contestant"] == contestant
            ]
            if chosen:
                yield _line(name, contestant, chosen, problem)


def _line(name: str, contestant: str, rows: list[dict], problem: Any) -> str:
    made = [row for row in rows if "failed" not in row]
    if not made:
        return f"| {name} | {contestant} | {len(rows)} failed |" + " |" * 8
    off = np.array([row["error"]["nats"] for row in made])
    good = [row["verdict_ok"] for row in made if row["verdict_ok"] is not None]
    calls = [row["evaluations"] + row["gradients"] for row in made]
    goal = f"ln Z {problem.tolerance:g}"
    if problem.rate is not None:
        goal += f", {problem.rate:.0f}/1000"
    cells = (
        name,
        contestant,
        f"{len(made)}",
        f"{sum(good)}" if good else "-",
        f"{np.median(calls):,.0f}",
        f"{np.median([row['wall'] for row in made]):.0f}",
        f"{np.sqrt(np.mean(off**2)):.3f}",
        f"{np.median([row['kish'] for row in made]):,.0f}",
        _median(made, "iid"),
        _median(made, "rate"),
        goal,
    )
    return f"| {' | '.join(cells)} |"


def _median(rows: list[dict], name: str) -> str:
    values = [row[name] for row in rows if row[name] is not None]
    return f"{np.median(values):,.0f}" if values else "-"


def _pooled(rows: list[dict[str, Any]]) -> Iterator[str]:
    own = [r for r in rows if r["contestant"] == "flowmc" and "failed" not in r]
    for title, chosen in (
        ("all runs", own),
        ("the funnel's left out", [r for r in own if r["problem"] != "funnel10"]),
        ("runs called good", [row for row in own if row["verdict_ok"]]),
    ):
        pulls = [r["error"]["pull"] for r in chosen if r["error"]["pull"] is not None]
        if len(pulls) > 1:
            yield (
                f"Pull of ln Z, {title}: mean {np.mean(pulls):.2f}, sd "
                f"{np.std(pulls, ddof=1):.2f}, {len(pulls)} runs."
            )
