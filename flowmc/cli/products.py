"""Everything written beside the posterior: ArviZ file, plots, report."""

__all__ = ["write_products"]

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowmc.cli.config import OutputSection
from flowmc.cli.folder import OutputFolder
from flowmc.cli.pictures import picture_writers


def write_products(
    posterior: Any,
    folder: OutputFolder,
    *,
    output: OutputSection,
    announce: Callable[[str], Any],
    only_missing: bool = False,
) -> list[Path]:
    """Write the files that the configuration asks for.

    Args:
        posterior: The `flowmc.Posterior`.
        folder: Where to.
        output: Which.
        announce: Called with a short sentence before each file.
        only_missing: Leave files alone that exist already.

    Returns:
        The paths of all requested files.
    """
    written = []
    for name, write in _writers(posterior, output).items():
        path = folder.file(name)
        written.append(path)
        if only_missing and path.exists():
            continue
        announce(f"Writing {name}")
        write(path)
    return written


def _writers(posterior: Any, output: OutputSection) -> dict[str, Callable[[Path], Any]]:
    writers: dict[str, Callable[[Path], Any]] = {}
    if output.arviz:
        writers["posterior.nc"] = lambda path: _write_arviz(posterior, path)
    if output.plots:
        writers |= picture_writers(posterior)
    if output.report:
        writers["report.html"] = posterior.report
    return writers


def _write_arviz(posterior: Any, path: Path) -> None:
    from flowmc.results.arviz_data import save_arviz

    save_arviz(posterior, path)
