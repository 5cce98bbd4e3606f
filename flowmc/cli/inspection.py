"""Commands on a finished run; none of them needs TensorFlow.

With `as_json` each writes one document to stdout; `flowmc.cli.json_result` has them.
"""

__all__ = ["diagnose", "export", "plot", "report", "summary"]

import sys
from pathlib import Path
from typing import Any

from flowmc.cli.exits import EXIT_GOOD, verdict_code
from flowmc.cli.export import export_posterior
from flowmc.cli.folder import OutputFolder, find_posterior
from flowmc.cli.json_result import (
    diagnosis_document,
    files_document,
    result_document,
    write_json,
)
from flowmc.cli.pictures import picture_writers
from flowmc.cli.show import (
    result_console,
    show_findings,
    show_run,
    show_summary,
    show_verdict,
)


def summary(out: Path, *, as_json: bool = False) -> int:
    """Show the table of parameters, evidence, cost, and settings with reasons."""
    posterior, folder = _load(out)
    if as_json:
        files = OutputFolder(folder).present_files()
        document = result_document(posterior, path=folder, files=files, code=EXIT_GOOD)
        write_json(document)
        return EXIT_GOOD
    console = result_console()
    show_summary(posterior, console)
    show_run(posterior, console)
    return EXIT_GOOD


def diagnose(out: Path, *, as_json: bool = False) -> int:
    """Judge the stored draws again; the verdict gives the exit code."""
    from flowmc.results.diagnosis import diagnose_posterior

    found = diagnose_posterior(_load(out)[0])
    code = verdict_code(found.verdict)
    if as_json:
        write_json(diagnosis_document(found, code=code))
        return code
    console = result_console()
    show_verdict(found.verdict, console)
    show_findings(found.findings, console)
    return code


def plot(out: Path, *, as_json: bool = False) -> int:
    """Draw the figures into the folder of the run."""
    posterior, folder = _load(out)
    paths = []
    for name, write in picture_writers(posterior).items():
        paths.append(folder / name)
        write(paths[-1])
    return _tell(paths, folder, as_json=as_json)


def report(out: Path, *, as_json: bool = False) -> int:
    """Write the report into the folder of the run."""
    posterior, folder = _load(out)
    posterior.report(folder / "report.html")
    return _tell([folder / "report.html"], folder, as_json=as_json)


def export(out: Path, *, form: str, as_json: bool = False) -> int:
    """Write the draws in another format into the folder of the run."""
    posterior, folder = _load(out)
    paths = export_posterior(posterior, form=form, folder=folder)
    return _tell(paths, folder, as_json=as_json)


def _load(out: Path) -> tuple[Any, Path]:
    from flowmc.results.storage import load_posterior

    path = find_posterior(out)
    return load_posterior(path), path.parent


def _tell(paths: list[Path], folder: Path, *, as_json: bool) -> int:
    if as_json:
        write_json(files_document(paths, folder=folder))
    else:
        sys.stdout.write("".join(f"{path}\n" for path in paths))
    return EXIT_GOOD
