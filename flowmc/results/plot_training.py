"""The training figure: losses of every fit, acceptance of every window, decisions.

Losses of different windows are measured on different draws, so a step between windows
is no progress and no failure; within a window, held-out loss above the dashed line
means that the network does no better than an affine map.
"""

__all__ = ["training_figure"]

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.results.plot_style import GREY, INK, PALETTE, new_figure, style
from flowmc.results.posterior import Posterior

_MAX_NOTES = 3  # the report has them all
_NOTE_WIDTH = 150
_NOTE_INCHES = 0.19


def training_figure(posterior: Posterior) -> Any:
    """Return the figure: losses, acceptance by kernel, and the last few notes."""
    windows = posterior.history
    notes = _note_lines(windows)
    heights = (3.0, 2.4, 0.35 + _NOTE_INCHES * len(notes))
    with style():
        figure = new_figure(10.0, sum(heights) + 0.6, layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1)
        losses, acceptance, text = figure.subplots(3, 1, height_ratios=heights)
        _draw_losses(losses, windows)
        _draw_acceptance(acceptance, windows)
        text.set_axis_off()
        text.text(
            0.0,
            1.0,
            "\n".join(notes),
            transform=text.transAxes,
            va="top",
            fontsize=8,
            linespacing=1.45,
        )
    return figure


def _draw_losses(axes: Any, windows: Sequence[WindowRecord]) -> None:
    start = 0
    handles = {}
    axes.set_title("Training loss, window by window", loc="left", fontweight="bold")
    for number, window in enumerate(windows, start=1):
        fit = window.training
        if fit is None or not len(fit.steps):
            continue
        steps = start + np.asarray(fit.steps)
        for name, values, colour, width in (
            ("training", fit.train_loss, PALETTE[5], 1.0),
            ("held out", fit.validation_loss, PALETTE[0], 1.6),
        ):
            handles[name] = axes.plot(steps, values, color=colour, linewidth=width)[0]
        handles["kept weights"] = axes.plot(
            start + fit.best_step, fit.best_loss, "o", color=PALETTE[1], markersize=5
        )[0]
        if fit.baseline_loss is not None:
            handles["affine map"] = axes.hlines(
                fit.baseline_loss, start, steps[-1], color=INK, ls="--", lw=1.0
            )
        name = f"window {number}" if len(windows) <= 10 else f"{number}"
        _mark_window(axes, name, start, int(steps[-1]))
        start = int(steps[-1])
    if handles:
        _limit_losses(axes, windows)
        axes.legend(
            handles.values(),
            handles.keys(),
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=4,
            borderaxespad=0,
        )
        axes.set_xlabel("optimizer step, all windows in a row")
        axes.set_ylabel("loss (nats)")
        axes.margins(x=0.01)
    else:
        _say_nothing(axes, "No model was trained in this run.")


def _mark_window(axes: Any, name: str, start: int, end: int) -> None:
    if start:
        axes.axvline(start, color=GREY, linewidth=0.6)
    axes.text(
        0.5 * (start + end),
        0.015,
        name,
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        fontsize=8,
        color=GREY,
    )


def _limit_losses(axes: Any, windows: Sequence[WindowRecord]) -> None:
    # The first steps of a fit may lose a thousand nats; the end is what matters.
    held_out = [w.training.validation_loss for w in windows if w.training is not None]
    values = np.concatenate([np.asarray(v, dtype=np.float64) for v in held_out])
    values = values[np.isfinite(values)]
    if not values.size:
        return
    low, high = float(values.min()), float(np.quantile(values, 0.97))
    margin = max(0.15 * (high - low), 0.05)
    axes.set_ylim(low - margin, high + 2.0 * margin)


def _draw_acceptance(axes: Any, windows: Sequence[WindowRecord]) -> None:
    axes.set_title("Acceptance in each window", loc="left", fontweight="bold")
    kernels = list(dict.fromkeys(k for window in windows for k in window.acceptance))
    if not kernels:
        _say_nothing(axes, "No acceptance was recorded.")
        return
    for place, kernel in enumerate(kernels):
        points = [
            (number, window.acceptance[kernel])
            for number, window in enumerate(windows, start=1)
            if kernel in window.acceptance
        ]
        axes.plot(
            *zip(*points, strict=True),
            "o-",
            color=PALETTE[place % len(PALETTE)],
            linewidth=1.2,
            markersize=4,
            label=kernel,
        )
    axes.set_ylim(0.0, 1.05)
    axes.set_ylabel("mean acceptance")
    numbers = range(1, len(windows) + 1)
    if len(windows) <= 16:
        labels = [
            f"{number}\n" + "\n".join(textwrap.wrap(window.name, 12))
            for number, window in zip(numbers, windows, strict=True)
        ]
        size = 9 if len(windows) <= 8 else 6  # "temperature 10" beside its neighbours
        axes.set_xticks(numbers, labels, fontsize=size)
    else:
        axes.set_xlabel("window")
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlim(0.5, len(windows) + 0.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0)


def _say_nothing(axes: Any, sentence: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", color=GREY)


def _note_lines(windows: Sequence[WindowRecord]) -> list[str]:
    notes = []
    for number, window in enumerate(windows, start=1):
        events = window.training.events if window.training is not None else ()
        for note in (*window.notes, *events):
            notes.append(f"{number} {window.name}: {note}".replace("$", r"\$"))
    lines = []
    if len(notes) > _MAX_NOTES:
        lines = [f"The last {_MAX_NOTES} of {len(notes)} notes; the report has all:"]
    for note in notes[-_MAX_NOTES:]:
        lines += textwrap.wrap(note, _NOTE_WIDTH, subsequent_indent="      ")
    return lines
