"""Was the verdict honest?  Right and wrong answers against good and bad verdicts."""

__all__ = ["honesty", "honesty_tables"]

from typing import Any

from samplers_judges import PROMISED
from samplers_problems import PROBLEMS
from samplers_text import number, table

TRUTHS = ("right", "middling", "wrong")
SURPRISES = {("right", False), ("wrong", True)}
HONESTY = ("", "called good", "not called good")
Rows = list[dict[str, Any]]


def honesty(rows: Rows) -> dict[tuple[str, bool], int]:
    """Count verdicts by truth; `rows` are our own runs.

    Returns:
        (truth, whether called good) -> runs; the truth is "right", "middling" or
        "wrong".
    """
    counts = {(truth, good): 0 for truth in TRUTHS for good in (True, False)}
    for row in rows:
        counts[_truth(row), bool(row["verdict_ok"])] += 1
    return counts


def honesty_tables(rows: Rows) -> list[str]:
    """Return sentences and tables on the verdicts of all our own runs."""
    own = [row for row in rows if row["contestant"] == "flowmc"]
    fair = [row for row in own if PROBLEMS[row["problem"]].can_be_good]
    parts = []
    for title, chosen in (
        ("all settings", fair),
        ("default settings", [row for row in fair if row["settings"] == "default"]),
    ):
        counts = honesty(chosen)
        right = counts["right", True] + counts["right", False]
        share = f"{counts['right', True] / right:.0%}" if right else "-"
        lines = [
            (truth, *(counts[truth, good] for good in (True, False)))
            for truth in TRUTHS
        ]
        words = f"**{title}**: {share} of right answers called good (goal: 90 %), "
        words += f"{counts['wrong', True]} wrong ones called good (goal: 0)."
        parts += [words, table(HONESTY, lines)]
    others = honesty([row for row in own if row not in fair])
    if sum(others.values()):
        parts.append(
            "Targets without bounds or prior, where the verdict must not be good: "
            + f"{sum(n for (_, good), n in others.items() if good)} of "
            + f"{sum(others.values())} were called good."
        )
    parts += _surprises(fair)
    return parts


def _surprises(rows: Rows) -> list[str]:
    """List the runs whose verdict was not what it should be, and why."""
    lines = []
    for row in rows:
        if (_truth(row), bool(row["verdict_ok"])) not in SURPRISES:
            continue
        wrong = [
            f"{check['name']} {number(check['value'])}"
            for check in row["checks"]
            if check["right"] is False
        ]
        reasons = [reason.split(";")[-1][:90] for reason in row["reasons"]]
        kind = "wrong, good" if row["verdict_ok"] else "right, not good"
        said = "; ".join(wrong or reasons).replace("|", "/")
        lines.append((kind, row["problem"], row["settings"], row["seed"], said))
    if not lines:
        return []
    columns = ("kind", "problem", "settings", "seed", "what")
    return [table(columns, sorted(lines, key=str))]


def _truth(row: dict[str, Any]) -> str:
    """Say whether an answer is right; one between 100 and 400 iid is neither."""
    if any(check["right"] is False for check in row["checks"]):
        return "wrong"
    return "right" if row["iid"] >= PROMISED else "middling"
