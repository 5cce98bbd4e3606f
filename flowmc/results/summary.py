"""The summary table: centre, spread, quantiles and convergence of every quantity."""

__all__ = ["SummaryTable", "format_value", "summarize"]

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flowmc.results.chain_statistics import ChainStatistics, chain_statistics
from flowmc.results.diagnostics import Diagnostics

QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)
_HEADINGS = {
    "mean": "mean",
    "sd": "sd",
    "q05": "5%",
    "q16": "16%",
    "q50": "50%",
    "q84": "84%",
    "q95": "95%",
    "r_hat": "R-hat",
    "ess_bulk": "bulk ESS",
    "ess_tail": "tail ESS",
    "mcse_mean": "MCSE",
}


@dataclass(frozen=True)
class SummaryTable:
    """A table of numbers, one row a quantity; `str()` aligns it.

    Attributes:
        rows: Name, then the numbers under `columns`, at full precision.
        columns: Headings, the first of which is that of the names.
    """

    rows: tuple[tuple, ...]
    columns: tuple[str, ...] = ("parameter", *_HEADINGS.values())

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return `{name: {"mean": ..., "sd": ..., "q05": ..., "r_hat": ...}}`."""
        return {
            name: dict(zip(_HEADINGS, numbers, strict=True))
            for name, *numbers in self.rows
        }

    def formatted_rows(self) -> tuple[tuple[str, ...], ...]:
        """Return the rows as text, rounded to what the spread makes meaningful."""
        return tuple(_format_row(row) for row in self.rows)

    def __str__(self) -> str:
        lines = [self.columns, *self.formatted_rows()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )


def summarize(
    theta: np.ndarray,
    diagnostics: Diagnostics,
    *,
    derived: Mapping[str, np.ndarray] | None = None,
) -> SummaryTable:
    """Summarize draws.

    Args:
        theta: `[num_draws, num_chains, D]`.
        diagnostics: Of the same draws; names and convergence come from it.
        derived: Further quantities `[num_draws, num_chains]`, put below.
    """
    rows = []
    for index, name in enumerate(diagnostics.names):
        statistics = ChainStatistics(
            float(diagnostics.r_hat[index]),
            float(diagnostics.ess_bulk[index]),
            float(diagnostics.ess_tail[index]),
            float(diagnostics.mcse_mean[index]),
        )
        rows.append(_row(name, theta[:, :, index], statistics))
    for name, draws in (derived or {}).items():
        rows.append(_row(name, np.asarray(draws), chain_statistics(draws)))
    return SummaryTable(tuple(rows))


def format_value(value: float, *, scale: float) -> str:
    """Return `value` with the digits that a spread of `scale` makes meaningful."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else f"{value}"
    if not (math.isfinite(scale) and 1e-5 < scale < 1e6):
        return f"{value:.5g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(scale)))}f}"


def _row(name: str, draws: np.ndarray, statistics: ChainStatistics) -> tuple:
    quantiles = np.quantile(draws, QUANTILES)
    spread = float(np.std(draws, ddof=1)) if draws.size > 1 else float("nan")
    return (name, float(np.mean(draws)), spread, *map(float, quantiles), *statistics)


def _format_row(row: tuple) -> tuple[str, ...]:
    name, mean, spread, *quantiles, r_hat, bulk, tail, error = row
    return (
        name,
        *(format_value(value, scale=spread) for value in (mean, spread, *quantiles)),
        f"{r_hat:.3f}",
        f"{bulk:.0f}",
        f"{tail:.0f}",
        f"{error:.2g}",
    )
