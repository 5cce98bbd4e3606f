"""The figures of a posterior, drawn and, where a path is given, saved as PNG."""

__all__ = ["plot_corner", "plot_ladder", "plot_trace", "plot_training"]

from typing import Any

from flowmc.results.files import PathLike, atomic_write
from flowmc.results.plot_corner import corner_figure
from flowmc.results.plot_ladder import ladder_figure
from flowmc.results.plot_style import png_bytes
from flowmc.results.plot_trace import trace_figure
from flowmc.results.plot_training import training_figure
from flowmc.results.posterior import Posterior


def plot_corner(posterior: Posterior, path: PathLike | None = None) -> Any:
    """Draw all one- and two-parameter marginals; see `corner_figure`."""
    return _saved(corner_figure(posterior), path)


def plot_ladder(posterior: Posterior, path: PathLike | None = None) -> Any:
    """Draw the temperatures of an annealing; see `ladder_figure`."""
    return _saved(ladder_figure(posterior), path)


def plot_trace(posterior: Posterior, path: PathLike | None = None) -> Any:
    """Draw chains over time and marginals by group; see `trace_figure`."""
    return _saved(trace_figure(posterior), path)


def plot_training(posterior: Posterior, path: PathLike | None = None) -> Any:
    """Draw losses and acceptance by window; see `training_figure`."""
    return _saved(training_figure(posterior), path)


def _saved(figure: Any, path: PathLike | None) -> Any:
    if path is not None:
        atomic_write(path, png_bytes(figure))
    return figure
