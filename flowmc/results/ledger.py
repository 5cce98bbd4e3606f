"""The ledger of a run: what was spent, what came of it, and why it was set up so."""

__all__ = ["efficiency", "ledger_rows", "notes_of_run", "setting_rows"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc.results.posterior import Posterior

_KINDS = ("compile", "train", "sample", "target", "total")


def efficiency(posterior: Posterior) -> dict[str, float]:
    """Return effective draws in all, and by what was spent on them.

    `ess` is the smallest bulk ESS of any parameter; `ess_per_call`,
    `ess_per_gradient` and `ess_per_second` divide it by everything the run spent,
    warm-up, training and compilation included.  Absent where nothing was spent.
    """
    sizes = posterior.diagnostics.ess_bulk
    smallest = float(np.min(sizes)) if len(sizes) else float("nan")
    cost = posterior.cost
    spent = {
        "ess_per_call": cost.log_prob_calls,
        "ess_per_gradient": cost.gradient_calls,
        "ess_per_second": cost.seconds.get("total", 0.0),
    }
    rates = {name: smallest / amount for name, amount in spent.items() if amount > 0}
    return {"ess": smallest, **rates}


def ledger_rows(posterior: Posterior) -> list[tuple[str, str]]:
    """Return the ledger as pairs of item and amount."""
    cost, found = posterior.cost, efficiency(posterior)
    kinds = [kind for kind in _KINDS if kind in cost.seconds]
    kinds += [kind for kind in cost.seconds if kind not in _KINDS]
    rows = [
        ("log-density evaluations", f"{cost.log_prob_calls:,}"),
        ("gradient evaluations", f"{cost.gradient_calls:,}"),
        *((f"seconds, {kind}", f"{cost.seconds[kind]:.1f}") for kind in kinds),
        ("smallest bulk ESS", f"{found['ess']:,.0f}"),
    ]
    titles = {
        "ess_per_call": "ESS per 1000 evaluations",
        "ess_per_gradient": "ESS per 1000 gradients",
    }
    rows += [
        (title, _rate(1000.0 * found[key]))
        for key, title in titles.items()
        if key in found
    ]
    if "ess_per_second" in found:
        rows.append(("ESS per second", _rate(found["ess_per_second"])))
    return rows


def setting_rows(posterior: Posterior) -> list[tuple[str, str, str]]:
    """Return "Settings and why": setting, value, reason; empty without a pilot.

    The pilot's record is `config["pilot"]`: figures by name, and under "reasons" a
    sentence "value: reason" for each setting; figures with a reason are not repeated.
    """
    pilot = _mapping(posterior.config.get("pilot"))
    rows = []
    reasons = _mapping(pilot.get("reasons"))
    for setting, sentence in reasons.items():
        value, _, reason = str(sentence).partition(": ")
        rows.append((_title(setting), value, reason))
    known = {"reasons", *reasons}
    measured = {key: item for key, item in pilot.items() if key not in known}
    rows += [(_title(key), _text(item), "measured") for key, item in measured.items()]
    return rows


def notes_of_run(posterior: Posterior) -> list[str]:
    """Return sentences on what a reader of the numbers must know about the run."""
    notes = []
    if cut_short := posterior.config.get("cut_short"):
        notes.append(str(cut_short))
    if not posterior.config.get("reproducible", True):
        notes.append(f"Not reproducible: {_clocked(posterior)}")
    return notes


def _clocked(posterior: Posterior) -> str:
    """Say what the clock decided, and how it is avoided."""
    schedule = _mapping(posterior.config.get("schedule"))
    if schedule.get("shares_by", "counts") != "counts":
        return (
            "seconds chose the number of local steps, so the draws depend on the "
            'machine. Repeat it with `shares_by="counts"`, and with no `max_seconds`.'
        )
    return (
        "the run was limited in seconds, so the number of draws depends on the "
        "machine. Repeat it with `num_draws` or `max_evaluations`."
    )


def _rate(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100.0 else f"{value:,.0f}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _title(name: str) -> str:
    return str(name).replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
