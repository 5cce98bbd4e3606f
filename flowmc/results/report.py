"""One HTML file that tells the whole run: verdict first, then the evidence for it.

The file holds its figures and style and refers to nothing outside itself, so it can be
mailed, archived and opened without a network.
"""

__all__ = ["report_html", "write_report"]

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.results import report_html as html
from flowmc.results.diagnostics import Diagnostics
from flowmc.results.files import PathLike, atomic_write
from flowmc.results.ledger import ledger_rows, notes_of_run, setting_rows
from flowmc.results.mode_verdict import mode_rows
from flowmc.results.plot_corner import corner_figure
from flowmc.results.plot_ladder import has_ladder, ladder_figure
from flowmc.results.plot_style import png_bytes
from flowmc.results.plot_trace import trace_figure
from flowmc.results.plot_training import training_figure
from flowmc.results.posterior import Posterior
from flowmc.results.versions import package_versions

_FIGURES = (
    ("Posterior", corner_figure, "Marginals of one and two parameters"),
    ("Chains", trace_figure, "Chains over time and marginals by group"),
    ("Training", training_figure, "Losses and acceptance by window"),
)
_LADDER = ("Temperatures", ladder_figure, "Temperature, states, acceptance, evidence")


def write_report(posterior: Posterior, path: PathLike) -> None:
    """Write the report of `posterior` to the file `path`, whole or not at all.

    Raises:
        OutputWriteError: The disk refuses.
    """
    atomic_write(path, report_html(posterior).encode("utf-8"))


def report_html(posterior: Posterior) -> str:
    """Return the report as the text of an HTML file."""
    versions = package_versions()
    lead = ", ".join(
        f"{name} {versions[name]}" for name in ("flowmc", "tensorflow", "numpy")
    )
    chains = f"in each of {posterior.num_chains} chains"
    origin = "by weight" if posterior.is_by_weight else chains
    draws = f"{posterior.num_draws:,} draws {origin}"
    drawn = (*_FIGURES, _LADDER) if has_ladder(posterior) else _FIGURES
    figures = [
        ("", html.heading(title) + html.figure(png_bytes(draw(posterior)), caption=alt))
        for title, draw, alt in drawn
    ]
    return html.page(
        title="Posterior report",
        lead=f"{draws}, {len(posterior.names)} parameters. Made with {lead}.",
        sections=[
            _verdict(posterior),
            ("", _summary(posterior)),
            ("", _evidence(posterior)),
            *figures[:1],
            ("", _diagnostics(posterior)),
            *figures[1:2],
            ("", _cost(posterior)),
            *_pilot(posterior),
            ("", _windows(posterior)),
            *figures[2:],
            ("", _config(posterior)),
        ],
    )


def _verdict(posterior: Posterior) -> tuple[str, str]:
    if posterior.verdict.ok:
        text = "Every check passed: the draws may be reported."
        return "good", html.heading("Verdict: good") + html.paragraph(text)
    text = "Do not report these draws before you have dealt with this:"
    reasons = html.bullets(posterior.verdict.reasons)
    return "bad", html.heading("Verdict: not good") + html.paragraph(text) + reasons


def _summary(posterior: Posterior) -> str:
    summary = posterior.summary()
    return html.heading("Summary") + html.table(
        summary.columns, summary.formatted_rows()
    )


def _evidence(posterior: Posterior) -> str:
    title = html.heading("Evidence")
    if posterior.log_evidence is None:
        return title + html.paragraph("Not computed in this run.", grey=True)
    rows = [("quoted", posterior.log_evidence, posterior.log_evidence_error)]
    rows += [(name, *pair) for name, pair in posterior.evidence.items()]
    return title + html.table(
        ("method", "log evidence", "standard error"),
        [(name, _number(value, 4), _number(error, 4)) for name, value, error in rows],
    )


def _diagnostics(posterior: Posterior) -> str:
    found = posterior.diagnostics
    rows = [
        *_convergence(found),
        ("most draws in a row at one point", f"{found.longest_stuck_run}"),
        ("draws that differ from the one before", _percent(found.move_rate)),
        ("non-finite entries among the draws", f"{found.num_non_finite}"),
        ("bad values of the target, rejected", f"{found.num_bad_values}"),
        ("Pareto k of the importance weights", _number(found.pareto_k, 2)),
        ("effective size of the weighted sample", _number(found.importance_ess, 0)),
    ]
    rows += [
        (name.replace("_", " "), f"{count}") for name, count in found.problems.items()
    ]
    rows += [
        (f"acceptance of {kernel}", _percent(rate))
        for kernel, rate in found.acceptance.items()
    ]
    return (
        html.heading("Diagnostics")
        + html.table(("measure", "value"), rows)
        + _modes(found)
        + _bad_values(found)
    )


def _convergence(found: Diagnostics) -> list[tuple[str, str]]:
    rows = [
        ("R-hat, largest", found.r_hat),
        ("R-hat of superchains, largest", found.nested_r_hat),
        ("R-hat beyond what short chains explain, largest", found.adjusted_r_hat),
    ]
    return [
        (title, f"{np.max(values):.4f}")
        for title, values in rows
        if values is not None and np.size(values) and not np.all(np.isnan(values))
    ]


def _modes(found: Diagnostics) -> str:
    if not found.mode_report:
        return ""
    title = html.paragraph("Modes, and the search for further ones:")
    return title + html.table(("", ""), mode_rows(found.mode_report), is_text=True)


def _bad_values(found: Diagnostics) -> str:
    if not found.bad_values:
        return ""
    names = list(found.bad_values[0])
    rows = [
        [f"{point.get(name, math.nan):.6g}" for name in names]
        for point in found.bad_values
    ]
    return html.paragraph(
        "Where the target gave a bad value, for example:"
    ) + html.table(names, rows)


def _cost(posterior: Posterior) -> str:
    notes = "".join(html.paragraph(note) for note in notes_of_run(posterior))
    table = html.table(("item", "amount"), ledger_rows(posterior))
    return html.heading("Cost") + table + notes


def _pilot(posterior: Posterior) -> list[tuple[str, str]]:
    rows = setting_rows(posterior)
    if not rows:
        return []
    columns = ("setting", "value", "why")
    table = html.table(columns, rows, is_text=True)
    return [("", html.heading("Settings and why") + table)]


def _windows(posterior: Posterior) -> str:
    title = html.heading("Windows")
    if not posterior.history:
        return title + html.paragraph("No windows were recorded.", grey=True)
    columns = ("", "window", "model", "steps", "acceptance", "settings", "notes")
    rows = [
        _window_row(number, window)
        for number, window in enumerate(posterior.history, start=1)
    ]
    return title + html.table(columns, rows, is_text=True)


def _window_row(number: int, window: WindowRecord) -> tuple[str, ...]:
    notes = list(window.notes)
    if window.training is not None:
        fit = window.training
        notes += [
            *fit.events,
            f"Fit: best held-out loss {fit.best_loss:.4g} at step {fit.best_step}. "
            f"{fit.stop_reason}",
        ]
    return (
        str(number),
        window.name,
        window.model,
        f"{window.num_steps:,}",
        ", ".join(f"{name} {_percent(r)}" for name, r in window.acceptance.items()),
        ", ".join(f"{name} {value:.3g}" for name, value in window.settings.items()),
        " ".join(notes),
    )


def _config(posterior: Posterior) -> str:
    # The pilot has a table of its own.
    shown = {name: v for name, v in posterior.config.items() if name != "pilot"}
    text = _settings(shown)
    return html.heading("Resolved configuration") + html.preformatted(text)


def _settings(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in _leaves(values, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100.0 * share:.1f} %"
