"""The ladder figure: how an annealing went from the prior to the posterior.

Four panels over the steps of the ladder: inverse temperature, effective states,
acceptance by kernel, and the evidence so far, beside what fresh draws of the frozen
proposal say of it in the end.
"""

__all__ = ["has_ladder", "ladder_figure"]

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.core.records import WindowRecord
from flowmc.results.plot_style import PALETTE, new_figure, style
from flowmc.results.posterior import Posterior

_PANELS = (
    ("inverse_temperature", "inverse temperature b"),
    ("ess", "effective states"),
    ("log_evidence", "ln Z so far"),
)


def has_ladder(posterior: Posterior) -> bool:
    """Whether the run passed through temperatures that were recorded."""
    return bool(_levels(posterior))


def ladder_figure(posterior: Posterior) -> Any:
    """Return the figure of the temperatures of a run of `sample_smc`.

    Raises:
        ConfigurationError: The run has no ladder.
    """
    levels = _levels(posterior)
    if not levels:
        raise ConfigurationError(
            "A ladder is drawn of runs that record their temperatures; this one has "
            f"{len(posterior.history)} windows and no temperature. Use "
            "`flowmc.sample_smc`."
        )
    with style():
        figure = new_figure(10.0, 6.0, layout="constrained")
        axes = figure.subplots(2, 2, sharex=True)
        panels = (axes[0, 0], axes[0, 1], axes[1, 1])
        for panel, (key, title) in zip(panels, _PANELS, strict=True):
            _draw(panel, [level.settings[key] for level in levels], title)
        axes[0, 0].set_yscale("symlog", linthresh=1e-3)
        axes[0, 1].set_ylim(0.0, 1.08 * max(level.settings["ess"] for level in levels))
        _draw_acceptance(axes[1, 0], levels)
        _draw_evidence(axes[1, 1], posterior)
        for panel in axes[1]:
            panel.set_xlabel("step of the ladder")
            panel.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _levels(posterior: Posterior) -> list[WindowRecord]:
    wanted = {key for key, _ in _PANELS}
    return [window for window in posterior.history if wanted <= set(window.settings)]


def _draw(axes: Any, values: Sequence[float], title: str) -> None:
    axes.plot(np.arange(len(values)), values, "o-", color=PALETTE[0], markersize=4)
    axes.set_title(title, loc="left", fontweight="bold")


def _draw_evidence(axes: Any, posterior: Posterior) -> None:
    """Draw the importance estimate of ln Z: a line, and a band of its error."""
    if "importance" not in posterior.evidence:
        return
    value, error = posterior.evidence["importance"]
    axes.axhspan(value - error, value + error, color=PALETTE[1], alpha=0.3, lw=0)
    axes.axhline(
        value,
        color=PALETTE[1],
        linewidth=1.2,
        zorder=1,
        label=f"importance sampling: {value:.3f} ± {error:.3f}",
    )
    axes.legend(frameon=False)


def _draw_acceptance(axes: Any, levels: Sequence[WindowRecord]) -> None:
    names = dict.fromkeys(name for level in levels for name in level.acceptance)
    for place, name in enumerate(names):
        values = [level.acceptance.get(name, np.nan) for level in levels]
        axes.plot(values, "o-", color=PALETTE[place], markersize=4, label=name)
    axes.set_ylim(0.0, 1.05)
    axes.set_title("acceptance", loc="left", fontweight="bold")
    if names:
        axes.legend(frameon=False)
