"""The figures and the report of a posterior, as methods; loaded when called."""

__all__ = ["PosteriorFigures"]

from typing import Any

from flowmc.results.files import PathLike


class PosteriorFigures:
    """What a posterior can draw of itself."""

    def plot_corner(self: Any, path: PathLike | None = None) -> Any:
        """Return the figure of all one- and two-parameter marginals; PNG to `path`."""
        from flowmc.results import plots

        return plots.plot_corner(self, path)

    def plot_trace(self: Any, path: PathLike | None = None) -> Any:
        """Return the figure of chains over time and by group; PNG to `path`."""
        from flowmc.results import plots

        return plots.plot_trace(self, path)

    def plot_training(self: Any, path: PathLike | None = None) -> Any:
        """Return the figure of losses and acceptance by window; PNG to `path`."""
        from flowmc.results import plots

        return plots.plot_training(self, path)

    def plot_ladder(self: Any, path: PathLike | None = None) -> Any:
        """Return the figure of `sample_smc`'s temperatures; PNG to `path`."""
        from flowmc.results import plots

        return plots.plot_ladder(self, path)

    def report(self: Any, path: PathLike) -> None:
        """Write a self-contained HTML report to `path`."""
        from flowmc.results.report import write_report

        write_report(self, path)
