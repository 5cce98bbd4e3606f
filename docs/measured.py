"""Tables of stored measurements, as they are when the site is built."""

__all__ = ["measured_samplers", "measured_smc", "missed_goals"]

import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
MOST_IID = 15_000  # beyond which the metric cannot tell


def measured_samplers() -> str:
    """Return medians of the stored runs of `benchmarks/samplers.py`, by problem."""
    head = ("problem", "sampler", "runs", "evaluations", "gradients", "iid")
    rows = [
        (*key, len(group), *_worth(group), _good(group))
        for key, group in sorted(_groups("samplers").items())
    ]
    return _table((*head, "iid per 1000 of both", "good"), rows)


def missed_goals() -> str:
    """Return the goals that most stored runs of `sample` missed."""
    rows = []
    for (problem, sampler), group in sorted(_groups("samplers").items()):
        checks: dict[str, list[dict]] = {}
        for check in (check for row in group for check in row["checks"] or ()):
            checks.setdefault(check["name"], []).append(check)
        for name, found in checks.items():
            met = sum(bool(check["met"]) for check in found)
            if sampler == "flowmc" and found[0]["goal"] and 2 * met < len(found):
                value = f"{_median(found, 'value') or float('nan'):.3g}"
                rows.append((problem, name, found[0]["goal"], value, len(found)))
    return _table(("problem", "question", "goal", "median", "runs"), rows)


def measured_smc() -> str:
    """Return the stored runs of `benchmarks/smc.py`, by problem."""
    rows = [
        (problem, len(group), f"{_median(group, 'evaluations'):,.0f}")
        + (f"{_rms(group):.3f}", f"{_median(group, 'kish'):,.0f}", _good(group))
        for (problem, sampler), group in sorted(_groups("smc").items())
        if sampler == "flowmc"
    ]
    head = ("problem", "runs", "evaluations", "rms error of ln Z", "effective draws")
    return _table((*head, "good"), rows)


def _groups(name: str) -> dict[tuple[str, str], list[dict]]:
    """Return stored rows with default settings by problem and contestant."""
    stored = json.loads((RESULTS / f"{name}.json").read_text())
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in stored["rows"]:
        is_whole = row.get("evaluations") is not None
        if is_whole and row.get("settings", "default") == "default":
            groups.setdefault((row["problem"], row["contestant"]), []).append(row)
    return groups


def _worth(rows: list[dict]) -> list[str]:
    """Return median evaluations, gradients, iid, and iid per 1000 of both."""
    counts = [_median(rows, name) or 0.0 for name in ("evaluations", "gradients")]
    iid = _median(rows, "iid")
    if iid is None:
        return [*(f"{count:,.0f}" for count in counts), "-", "-"]
    shown = f">{MOST_IID:,}" if iid >= MOST_IID else f"{iid:,.0f}"
    rate = f"{1000.0 * iid / max(sum(counts), 1.0):.3g}"
    return [*(f"{count:,.0f}" for count in counts), shown, rate]


def _good(rows: list[dict]) -> str:
    verdicts = [row["verdict_ok"] for row in rows]
    return "-" if None in verdicts else f"{sum(verdicts)} of {len(verdicts)}"


def _rms(rows: list[dict]) -> float:
    errors = [row["error"]["nats"] for row in rows]
    return statistics.fmean(error**2 for error in errors) ** 0.5


def _median(rows: list[dict], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(values) if values else None


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
