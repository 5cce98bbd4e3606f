"""How every figure looks: colours, sizes, labels; figures are free of global state.

Figures are built with matplotlib's object interface on the Agg canvas, so that no
window opens and nothing is registered with pyplot.
"""

__all__ = [
    "ACCENT",
    "GREY",
    "INK",
    "PALETTE",
    "central_range",
    "display_labels",
    "new_figure",
    "num_bins",
    "png_bytes",
    "style",
]

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

INK = "#22313f"
GREY = "#8a96a3"
ACCENT = "#0b6e99"
# Distinct for colour-blind readers too (after Okabe and Ito).
PALETTE = ("#0b6e99", "#d55e00", "#009e73", "#b5579d", "#c69214", "#56b4e9")
CENTRAL_SHARE = 0.999
BODY_TAIL, BODY_REACH = 0.005, 0.6  # axes end this far, in widths, beyond the body
_DPI = 150
_SETTINGS: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
    "ytick.labelsize": 8,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the settings inside the block and restore the user's after it."""
    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS):
        yield


def new_figure(width: float, height: float, *, layout: Any = None) -> Any:
    """Return an empty figure of `width` x `height` inches on its own canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Any) -> bytes:
    """Return `figure` as a PNG file."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight")
    return buffer.getvalue()


def display_labels(names: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return labels that matplotlib can typeset, falling back to plain names."""
    pairs = zip(names, labels, strict=True)
    return [_display_label(name, label) for name, label in pairs]


def central_range(
    values: np.ndarray, share: float = CENTRAL_SHARE
) -> tuple[float, float]:
    """Return the limits that hold the central `share` of `values`, never empty."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (0.0, 1.0)
    tail = 0.5 * (1.0 - share)
    levels = [tail, BODY_TAIL, 1.0 - BODY_TAIL, 1.0 - tail]
    low, body_low, body_high, high = (float(q) for q in np.quantile(finite, levels))
    # A long plateau of hardly any mass would squeeze all the rest into a line.
    reach = BODY_REACH * (body_high - body_low)
    if reach > 0.0:
        low, high = max(low, body_low - reach), min(high, body_high + reach)
    margin = 0.5 * max(abs(low), 1.0) if high - low <= 1e-12 * abs(low) else 0.0
    return (low - margin, high + margin)


def num_bins(num_values: int, *, most: int) -> int:
    """Return how many bins a histogram of `num_values` values can bear."""
    return int(min(most, max(8, np.round(2.0 * np.cbrt(num_values)))))


def _display_label(name: str, label: str) -> str:
    from matplotlib.mathtext import MathTextParser

    plain = name.replace("$", r"\$")
    if label == name:
        return plain
    if not set(label) & set("$\\^_"):
        return label
    math = label if "$" in label else f"${label}$"
    try:
        MathTextParser("agg").parse(math)
    except (ValueError, RuntimeError):
        return plain
    return math
