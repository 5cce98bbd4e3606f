"""The corner figure: every one- and two-parameter marginal of the posterior.

Axes show the central 99.9 % of the draws, so that a few far ones do not squeeze the
rest into a pixel; the figure says so, and how many draws lie beyond.
"""

__all__ = ["corner_figure"]

import warnings
from typing import Any

import numpy as np

from flowmc.results.arviz_shim import import_arviz
from flowmc.results.plot_style import (
    ACCENT,
    CENTRAL_SHARE,
    GREY,
    central_range,
    display_labels,
    new_figure,
    num_bins,
    style,
)
from flowmc.results.posterior import Posterior
from flowmc.results.summary import format_value

_QUANTILES = (0.16, 0.5, 0.84)
_GAP_BINS, _LEAST_PEAK, _GAP_DEPTH = 40, 20, 0.1
_MAX_PARAMETERS = 12
_PANEL_INCHES = 1.9


def corner_figure(posterior: Posterior) -> Any:
    """Return the figure; of more than 12 parameters the first 12 are shown."""
    shown = min(len(posterior.names), _MAX_PARAMETERS)
    draws = posterior.flat()[:, :shown]
    draws = draws[np.all(np.isfinite(draws), axis=1)]
    labels = display_labels(posterior.names, posterior.labels)[:shown]
    ranges = [central_range(column) for column in draws.T]
    with style():
        figure = new_figure(*(2 * [_PANEL_INCHES * shown + 1.2]))
        if len(draws):
            _draw_panels(figure, draws, labels, ranges)
            _set_titles(figure, draws, labels)
        _add_note(figure, posterior, draws, ranges)
    return figure


def _draw_panels(figure: Any, draws: np.ndarray, labels: list, ranges: list) -> None:
    import_arviz()  # corner loads it too, with notices that are not ours to show
    fine = max(_GAP_BINS, num_bins(len(draws), most=60))
    usual = num_bins(len(draws), most=40)
    bins = [fine if _has_gap(column) else usual for column in draws.T]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import corner

        corner.corner(
            draws,
            fig=figure,
            labels=labels,
            range=ranges,
            bins=bins,
            color=ACCENT,
            quantiles=_QUANTILES,
            levels=1.0 - np.exp(-0.5 * np.array([0.5, 1.0, 1.5, 2.0]) ** 2),
            max_n_ticks=4,
            labelpad=0.02,
            smooth=0.8,
            hist_kwargs={"linewidth": 1.2},
            data_kwargs={"ms": 1.5, "alpha": 0.08},
            contour_kwargs={"linewidths": 0.8},
            quiet=True,
        )


def _set_titles(figure: Any, draws: np.ndarray, labels: list[str]) -> None:
    panels = np.array(figure.axes).reshape(len(labels), len(labels))
    for index, label in enumerate(labels):
        low, middle, high = np.quantile(draws[:, index], _QUANTILES)
        title = _interval(float(middle), float(high - middle), float(middle - low))
        if _has_gap(draws[:, index]):
            title = "separate modes"  # the quantiles lie in different ones
        panels[index, index].set_title(f"{label}\n{title}", fontsize=9, linespacing=1.4)


def _has_gap(values: np.ndarray) -> bool:
    """Whether hardly any values lie somewhere between their 16 and 84 % quantiles.

    A bin there has less than a tenth of what the highest bins on either side have; too
    few draws show no gap.
    """
    counts, _ = np.histogram(values, bins=_GAP_BINS, range=central_range(values))
    below = np.cumsum(counts) / max(1, counts.sum())
    left = np.maximum.accumulate(counts)
    right = np.maximum.accumulate(counts[::-1])[::-1]
    peak = np.minimum(left, right)
    is_gap = (peak >= _LEAST_PEAK) & (counts < _GAP_DEPTH * peak)
    between = (below > _QUANTILES[0]) & (below < _QUANTILES[2])
    return bool(np.any(is_gap & between))


def _interval(centre: float, plus: float, minus: float) -> str:
    scale = 0.5 * (plus + minus)
    if scale == 0.0 or 1e-4 < scale < 1e5:
        unit, head, tail = 1.0, "", ""
    else:
        # One power of ten in front of all three keeps the title short.
        exponent = int(np.floor(np.log10(max(abs(centre), scale))))
        unit, head, tail = 10.0**exponent, "(", rf") \times 10^{{{exponent}}}"
    middle, up, down = (
        format_value(value / unit, scale=scale / unit)
        for value in (centre, plus, minus)
    )
    return f"${head}{middle}^{{+{up}}}_{{-{down}}}{tail}$"


def _add_note(figure: Any, posterior: Posterior, draws: np.ndarray, ranges: list):
    low, high = np.array(ranges).T
    outside = int(np.sum(np.any((draws < low) | (draws > high), axis=1)))
    verdict = "good" if posterior.verdict.ok else "not good"
    origin = f", chains: {posterior.num_chains}"
    lines = [
        f"{len(draws):,} draws{' by weight' if posterior.is_by_weight else origin}",
        f"verdict: {verdict}",
        f"axes: at most the central {100 * CENTRAL_SHARE:.1f} % of each parameter",
        f"({outside:,} draws lie beyond)",
        "dashed: 16, 50 and 84 % quantiles",
    ]
    if len(ranges) > 1:
        lines.append("contours: 0.5, 1, 1.5, 2 sigma")
    left_out = len(posterior.names) - len(ranges)
    if left_out:
        lines.append(f"{left_out} further parameters are not shown")
    figure.text(
        1.0 if len(ranges) > 2 else 1.02,
        0.98,
        "\n".join(lines),
        ha="right" if len(ranges) > 2 else "left",
        va="top",
        fontsize=9,
        color=GREY,
        linespacing=1.6,
    )
