"""The trace figure: some chains over time, and the marginal of each group of chains.

Left, a chain that stands still or drifts shows; right, groups of chains that have not
found the same distribution do.
"""

__all__ = ["trace_figure"]

from typing import Any

import numpy as np

from flowmc.results.plot_style import (
    GREY,
    INK,
    PALETTE,
    central_range,
    display_labels,
    new_figure,
    num_bins,
    style,
)
from flowmc.results.posterior import Posterior

_MAX_ROWS = 20
_MAX_CHAINS = 5
_MAX_GROUPS = 4
_MAX_POINTS = 1500
_MAX_BINS = 60


def trace_figure(posterior: Posterior) -> Any:
    """Return the figure: one row a parameter (at most 20), then the log-density."""
    names = display_labels(posterior.names, posterior.labels)[:_MAX_ROWS]
    rows = [(name, posterior.theta[:, :, i]) for i, name in enumerate(names)]
    rows.append(("log-density", posterior.log_prob))
    with style():
        figure = new_figure(10.0, 1.35 * len(rows) + 0.9, layout="constrained")
        axes = figure.subplots(
            len(rows), 2, sharex="col", sharey="row", squeeze=False, width_ratios=(4, 1)
        )
        for (label, draws), (trace, marginal) in zip(rows, axes, strict=True):
            _draw_row(trace, marginal, label, draws)
        _finish(figure, axes, posterior)
    return figure


def _draw_row(trace: Any, marginal: Any, label: str, draws: np.ndarray) -> None:
    num_draws, num_chains = draws.shape
    stride = -(-num_draws // _MAX_POINTS)
    for place, chain in enumerate(_spread(num_chains, _MAX_CHAINS)):
        trace.plot(
            np.arange(0, num_draws, stride),
            draws[::stride, chain],
            color=PALETTE[place],
            linewidth=0.5,
            alpha=0.75,
            label=f"chain {chain + 1}",
        )
    low, high = central_range(draws)
    margin = 0.12 * (high - low)
    # Room above the traces for the name, which may be long.
    trace.set_ylim(low - margin, high + 3.0 * margin)
    trace.margins(x=0.0)
    beyond = int(np.sum((draws < low - margin) | (draws > high + 3.0 * margin)))
    _write(trace, 0.006, "left", label, weight="bold", fontsize=9)
    if beyond:
        _write(trace, 0.994, "right", f"draws beyond the axis: {beyond:,}", fontsize=7)
    for place, (name, group) in enumerate(_groups(draws).items()):
        density, edges = np.histogram(
            group[np.isfinite(group)],
            bins=num_bins(group.size, most=_MAX_BINS),
            range=(low, high),
        )
        marginal.stairs(
            density / max(1, density.max()),
            edges,
            orientation="horizontal",
            color=PALETTE[place],
            linewidth=1.0,
            alpha=0.9,
            label=name,
        )


def _finish(figure: Any, axes: Any, posterior: Posterior) -> None:
    for trace, marginal in axes:
        trace.yaxis.set_major_locator(_few_ticks())
        marginal.tick_params(labelleft=False, left=False)
        marginal.set_xticks([])
        marginal.spines["left"].set_visible(False)
        marginal.spines["bottom"].set_color(GREY)
    axes[-1, 0].set_xlabel("draw")
    axes[-1, 1].set_xlabel("marginal (scaled)")
    for place, column in enumerate(axes.T):
        handles, labels = column[0].get_legend_handles_labels()
        legend = figure.legend(
            handles,
            labels,
            loc=("outside upper left", "outside upper right")[place],
            ncols=max(1, len(labels)),
            handlelength=1.0,
            columnspacing=1.0,
        )
        for line in legend.get_lines():
            line.set_linewidth(1.8)
    left_out = len(posterior.names) - _MAX_ROWS
    if left_out > 0:
        figure.supxlabel(f"{left_out} further parameters are not shown", fontsize=8)


def _write(axes: Any, x: float, side: str, text: str, **options: Any) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
    axes.text(
        x,
        0.97,
        text,
        transform=axes.transAxes,
        ha=side,
        va="top",
        color=INK,
        bbox=box,
        **options,
    )


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4)


def _groups(draws: np.ndarray) -> dict[str, np.ndarray]:
    num_draws, num_chains = draws.shape
    if num_chains == 1:
        half = num_draws // 2
        return {"first half": draws[:half], "second half": draws[half:]}
    parts = np.array_split(np.arange(num_chains), min(num_chains, _MAX_GROUPS))
    return {_group_name(part): draws[:, part] for part in parts}


def _group_name(part: np.ndarray) -> str:
    first, last = part[0] + 1, part[-1] + 1
    return f"chain {first}" if first == last else f"chains {first}-{last}"


def _spread(total: int, count: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(0, total - 1, min(total, count))})
