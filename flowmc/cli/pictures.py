"""The pictures that a run leaves behind, by file name."""

__all__ = ["picture_writers"]

from collections.abc import Callable
from pathlib import Path
from typing import Any


def picture_writers(posterior: Any) -> dict[str, Callable[[Path], Any]]:
    """Return what draws each picture of a run to a path, by file name.

    Args:
        posterior: The `flowmc.Posterior`; one with temperatures has a ladder, too.
    """
    from flowmc.results.plot_ladder import has_ladder

    writers: dict[str, Callable[[Path], Any]] = {
        "corner.png": posterior.plot_corner,
        "trace.png": posterior.plot_trace,
        "training.png": posterior.plot_training,
    }
    if has_ladder(posterior):
        writers["ladder.png"] = posterior.plot_ladder
    return writers
