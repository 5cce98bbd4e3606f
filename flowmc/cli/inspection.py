"""Commands on a finished run; none of them needs TensorFlow."""

__all__ = ["diagnose", "export", "plot", "report", "summary"]

import sys
from pathlib import Path
from typing import Any

from flowmc.cli.exits import EXIT_GOOD, verdict_code
from flowmc.cli.export import export_posterior
from flowmc.cli.folder import find_posterior
from flowmc.cli.pictures import picture_writers
from flowmc.cli.show import (
    result_console,
    show_findings,
    show_run,
    show_summary,
    show_verdict,
)


def summary(out: Path) -> int:
    """Show the table of parameters, evidence, cost, and settings with reasons."""
    posterior, console = _load(out)[0], result_console()
    show_summary(posterior, console)
    show_run(posterior, console)
    return EXIT_GOOD


def diagnose(out: Path) -> int:
    """Judge the stored draws again; the verdict gives the exit code."""
    from flowmc.results.diagnosis import diagnose_posterior

    found = diagnose_posterior(_load(out)[0])
    console = result_console()
    show_findings(found.findings, console)
    show_verdict(found.verdict, console)
    return verdict_code(found.verdict)


def plot(out: Path) -> int:
    """Draw the figures into the folder of the run."""
    posterior, folder = _load(out)
    paths = []
    for name, write in picture_writers(posterior).items():
        paths.append(folder / name)
        write(paths[-1])
    return _tell(paths)


def report(out: Path) -> int:
    """Write the report into the folder of the run."""
    posterior, folder = _load(out)
    posterior.report(folder / "report.html")
    return _tell([folder / "report.html"])


def export(out: Path, *, form: str) -> int:
    """Write the draws in another format into the folder of the run."""
    posterior, folder = _load(out)
    return _tell(export_posterior(posterior, form=form, folder=folder))


def _load(out: Path) -> tuple[Any, Path]:
    from flowmc.results.storage import load_posterior

    path = find_posterior(out)
    return load_posterior(path), path.parent


def _tell(paths: list[Path]) -> int:
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    return EXIT_GOOD
