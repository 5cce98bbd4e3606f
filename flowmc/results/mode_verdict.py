"""What the search for further modes says against the draws.

The sampler leaves a report of plain values.  Keys known here:

    search             str: how modes outside the start were looked for
    scout_particles    int: size of the second, annealed group
    scout_evaluations  int: what it cost
    scout_inverse_temperature    how far it came; below 1 it says nothing of the target
    scout_maxima       int: how many its descents found, where temperatures were left
    unseen_by_main     share of the second group's draws that have a negligible density
                       under the first group's flow
    unseen_by_scout    the reverse; no alarm, a small group loses modes by chance
    unseen_at_the_end  as unseen_by_main, under the last map
    adopted            bool: the second group's modes went into the proposals
    alarm              str: the sampler's reason, where it did not help
    unlooked           str: why no second group looked, where one could have
    num_modes, mode_weights, transitions    of the draws (`modes.find_modes`)
    notes              str or list of str
"""

__all__ = ["MIN_TRANSITIONS", "mode_reasons", "mode_rows"]

from collections.abc import Iterator, Mapping
from typing import Any

MIN_TRANSITIONS = 20
_TITLES = {
    "search": "search for further modes",
    "particles": "particles of the start",
    "temperatures": "temperatures of the start",
    "scout_particles": "particles of the search",
    "scout_temperatures": "temperatures of the search",
    "scout_inverse_temperature": "inverse temperature it reached",
    "scout_maxima": "maxima found by its descents",
    "scout_evaluations": "evaluations of the search",
    "unseen_by_main": "share of its draws that the sampler's flow missed",
    "unseen_by_scout": "share of the sampler's draws that it missed",
    "unseen_at_the_end": "share of its draws missed at the end of warm-up",
    "replaced": "most chains went on from its draws",
    "confirmed": "a further group has looked since",
    "adopted": "its modes taken into the proposals",
    "num_modes": "modes among the draws",
    "mode_weights": "weights of the modes",
    "transitions": "transitions between modes",
}
_SHARES = {"unseen_by_main", "unseen_by_scout", "unseen_at_the_end"}
_OF_TARGET = {*_SHARES, "adopted"}  # mean nothing where the group stopped before it
_MISSED = 0.02  # share beyond which a sentence is said
_LISTED_WEIGHTS = 8


def mode_reasons(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons in a mode report, one sentence or two each."""
    if alarm := report.get("alarm"):
        yield str(alarm)
    if _is_alone(report) and not _has_seen_all(report):
        yield (
            "A group that chains went on from must have been annealed over the whole "
            f"reference, or another have looked since; this one {_way(report)}, and "
            "no other was sent. Leave `initial` out, so that two groups come from the "
            "reference."
        )
    if unlooked := report.get("unlooked"):
        yield (
            "A second group must look for what the chains have missed; there was "
            f"{unlooked}. Raise `max_evaluations`, or leave `second_group` on."
        )
    num_modes, transitions = report.get("num_modes"), report.get("transitions")
    if num_modes is None or transitions is None:
        return
    if num_modes > 1 and transitions < MIN_TRANSITIONS:
        yield (
            f"At least {MIN_TRANSITIONS} transitions between modes must be seen where "
            f"there are several; got {transitions} between {num_modes} modes: their "
            "weights are not determined. Draw longer, or warm up longer, so that the "
            "flow learns all of them."
        )


def mode_rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a mode report as pairs of title and text, known keys first."""
    hidden = {"alarm", "unlooked"}
    if report.get("scout_inverse_temperature", 1.0) < 1.0:
        hidden |= _OF_TARGET
    known = [key for key in _TITLES if key in report]
    rest = [key for key in report if key not in _TITLES]
    rows = [
        (_TITLES.get(key, key.replace("_", " ")), _text(key, report[key]))
        for key in (*known, *rest)
        if key not in hidden
    ]
    if _is_alone(report) and _has_seen_all(report):
        rows.append(("no further look", _alone(report)))
    missed = report.get("unseen_by_scout", 0.0)
    if missed > _MISSED and "unseen_by_scout" not in hidden:
        rows.append(("not confirmed", _unconfirmed(report, missed)))
    return rows


def _is_alone(report: Mapping[str, Any]) -> bool:
    """Whether chains went on from a group's draws, and no other group looked since."""
    return bool(report.get("replaced")) and not report.get("confirmed")


def _has_seen_all(report: Mapping[str, Any]) -> bool:
    """Whether that group went through all temperatures, and its draws were adopted."""
    reached = report.get("scout_inverse_temperature", 0.0) >= 1.0
    return reached and bool(report.get("adopted")) and not report.get("scout_maxima")


def _alone(report: Mapping[str, Any]) -> str:
    count = report.get("scout_temperatures")
    way = "all temperatures" if count is None else f"all {count} temperatures"
    return (
        "Where chains go on from a group, another is to look once more; none was sent, "
        "as warm-up or half of the budget was over. That is no reason against them, "
        f"since the group came from the whole reference through {way}. What it missed "
        "is missing in both; another seed, or a run without `initial`, would tell."
    )


def _way(report: Mapping[str, Any]) -> str:
    """Say where a group left the way through all temperatures."""
    if found := report.get("scout_maxima"):
        return f"left the temperatures for {found} maxima of descents"
    b = report.get("scout_inverse_temperature", 0.0)
    return f"came to inverse temperature {b:.2g}"


def _unconfirmed(report: Mapping[str, Any], share: float) -> str:
    size = report.get("scout_particles")
    group = "a small group" if size is None else f"a group of {size:,} particles"
    return (
        f"{100.0 * share:.2g} % of the sampler's draws lie where the second group had "
        f"none. That is no alarm, since {group} loses modes by chance; but it cannot "
        "vouch for what is there. Another seed can."
    )


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _SHARES:
        return f"{100.0 * float(value):.2g} %"
    if key == "mode_weights":
        more = " ..." if len(value) > _LISTED_WEIGHTS else ""
        return ", ".join(f"{w:.3g}" for w in value[:_LISTED_WEIGHTS]) + more
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{value}"
