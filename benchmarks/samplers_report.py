"""Tables of the samplers' benchmark, printed and written into its document.

Everything between the two marks of `docs/samplers_measured.md` is replaced; the words
around them are left alone.
"""

__all__ = ["write_report"]

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from metrics import spell
from samplers_honesty import honesty_tables
from samplers_text import number, table

DOCUMENT = Path(__file__).parent.parent / "docs" / "samplers_measured.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
Rows = list[dict[str, Any]]


def write_report(rows: Rows) -> None:
    """Print all tables and put them into the document."""
    good = [row for row in rows if "error" not in row]
    parts = [
        "### Accuracy and cost",
        table(ACCURACY, _accuracy(good)),
        "### Goals",
        table(GOALS, _goals(good)),
        "### Side by side",
        table(DUELS, _duels(good)),
        "### Honesty",
        *honesty_tables(good),
        *_failures(rows),
        _machine(rows),
    ]
    text = "\n\n".join(part for part in parts if part)
    print(text)
    if DOCUMENT.exists():
        whole = DOCUMENT.read_text()
        if BEGIN in whole and END in whole:
            head, tail = whole.split(BEGIN)[0], whole.split(END)[1]
            DOCUMENT.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}")


ACCURACY = (
    *("problem", "contestant", "seeds", "wall s", "evaluations", "gradients"),
    *("own ESS", "R-hat", "good", "iid", "iid, weighted", "iid / 1000 evaluations"),
    *("iid / 1000 gradients", "iid / s", "compile / train / sample s"),
)
GOALS = ("problem", "question", "goal", "median", "smallest", "largest", "runs")
DUELS = ("comparison", "ours", "theirs", "ratio", "goal", "met")


def _accuracy(rows: Rows) -> list[tuple]:
    lines = []
    for (problem, contestant), group in _groups(rows, settings="default").items():
        seconds = [row["seconds"] for row in group]
        split = " / ".join(
            f"{statistics.median(s.get(kind, 0.0) for s in seconds):.0f}"
            for kind in ("compile", "train", "sample")
        )
        verdicts = [row["verdict_ok"] for row in group]
        lines.append(
            (
                problem,
                contestant,
                len(group),
                *(_median(group, k) for k in ("wall", "evaluations", "gradients")),
                *(_median(group, k) for k in ("ess_bulk", "r_hat")),
                "-" if None in verdicts else f"{sum(verdicts)}/{len(group)}",
                _worth(group, "iid"),
                _worth(group, "iid_weighted"),
                _median(group, "iid_per_1000_evaluations"),
                _median(group, "iid_per_1000_gradients"),
                _median(group, "iid_per_second"),
                split if contestant == "flowmc" else "-",
            )
        )
    return lines


def _goals(rows: Rows) -> list[tuple]:
    """Return a line for each question: the goal holds for the median of the seeds."""
    lines = []
    for (problem, contestant), group in _groups(rows, settings="default").items():
        if contestant != "flowmc":
            continue
        found: dict[str, list[dict]] = defaultdict(list)
        for row in group:
            for check in row["checks"]:
                found[check["name"]].append(check)
        for name, checks in found.items():
            values = [c["value"] for c in checks if c["value"] is not None]
            if not checks[0]["goal"] or not values:
                continue
            ends = (statistics.median(values), min(values), max(values))
            met = sum(check["met"] for check in checks)
            line = (problem, name, checks[0]["goal"], *map(number, ends))
            lines.append((*line, f"{met}/{len(checks)} met"))
    return lines


def _duels(rows: Rows) -> list[tuple]:
    """Compare what two goals are about: wall time, and iid per gradient."""
    groups, lines = _groups(rows, settings="default"), []
    ours, nuts = (groups.get(("rosenbrock10", c)) for c in ("flowmc", "numpyro"))
    if ours and nuts:
        # Their draws cost the same again and again, so time scales with what is wanted.
        pair = [
            statistics.median(2000.0 * row["wall"] / row["iid"] for row in nuts),
            statistics.median(row["wall"] for row in ours),
        ]
        ratio = pair[0] / pair[1]
        text = "seconds to 2000 iid, rosenbrock10 (ours: the whole run)"
        lines.append((text, *map(number, (pair[1], pair[0], ratio)), "> 1", ratio > 1))
    ours = groups.get(("illcond50", "flowmc"))
    for peer in ("numpyro_dense", "numpyro"):
        theirs = groups.get(("illcond50", peer))
        if not ours or not theirs:
            continue
        pair = [_rate(group) for group in (ours, theirs)]
        ratio = pair[0] / pair[1]
        text = f"iid / 1000 gradients or evaluations, illcond50, {peer}"
        line = (text, *map(number, (*pair, ratio)), ">= 0.8")
        lines.append((*line, ratio >= 0.8))
    return lines


def _rate(group: Rows) -> float:
    return statistics.median(
        1e3 * row["iid"] / max(row["gradients"], row["evaluations"]) for row in group
    )


def _failures(rows: Rows) -> list[str]:
    failed = [row for row in rows if "error" in row]
    lines = [
        (*(row[k] for k in ("problem", "contestant", "settings", "seed")), _last(row))
        for row in failed
    ]
    columns = ("problem", "contestant", "settings", "seed", "error")
    return ["### Runs without a result", table(columns, lines)] if lines else []


def _machine(rows: Rows) -> str:
    if not rows:
        return ""
    newest = rows[-1]["machine"]
    found = dict(newest["versions"])
    found |= {r["contestant"]: r["version"] for r in rows if r.get("version")}
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    loads = [row["load_average"][-1] for row in rows]
    codes = sorted(
        {
            row["machine"].get("code", "")
            for row in rows
            if row["contestant"] == "flowmc"
        }
    )
    mixed = f" The rows are of {len(codes)} versions of the code." if codes[1:] else ""
    return (
        f"Machine: {newest['processor']}, {newest['cores']} cores, Python "
        f"{newest['python']}, {versions}; load average at the end of a run "
        f"{min(loads):.1f} to {max(loads):.1f}.{mixed}"
    )


def _last(row: dict[str, Any]) -> str:
    lines = row["error"].strip().splitlines()
    return ", ".join(lines[-2:])[-200:].replace("|", "/")


def _groups(rows: Rows, *, settings: str) -> dict[tuple, Rows]:
    groups: dict[tuple, Rows] = defaultdict(list)
    for row in rows:
        if row["settings"] == settings:
            groups[row["problem"], row["contestant"]].append(row)
    return groups


def _median(group: Rows, name: str) -> str:
    values = [row[name] for row in group if row.get(name) is not None]
    return number(statistics.median(values)) if values else "-"


def _worth(group: Rows, name: str) -> str:
    values = [row[name] for row in group if row.get(name) is not None]
    return spell(statistics.median(values)) if values else "-"
