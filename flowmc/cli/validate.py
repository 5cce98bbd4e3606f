"""`flowmc validate`: the known-answer suite as a table of z-scores, or as JSON."""

__all__ = ["ValidateOptions", "execute"]

import logging
import os
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

from flowmc.cli.display import Display
from flowmc.cli.exits import EXIT_FAILED, EXIT_GOOD
from flowmc.cli.json_result import plain, write_json
from flowmc.core.quiet import import_tensorflow


@dataclass(frozen=True)
class ValidateOptions:
    """The options of `flowmc validate`, as on the command line."""

    quick: bool = False
    only: tuple[str, ...] = ()
    seed: int = 0
    quiet: bool = False
    as_json: bool = False
    debug: bool = False


def execute(options: ValidateOptions) -> int:
    """Run the suite, show it, and return 0 if everything passed, else 1."""
    display = Display(quiet=options.quiet, tells_all=True)
    started = time.perf_counter()
    with redirect_stdout(sys.stderr):
        with display.busy("Loading TensorFlow"):
            import_tensorflow(quiet=not options.debug)
            if not options.debug:
                # Each case compiles programs of its own; TensorFlow warns of that.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)
        from flowmc.validation import Report, run_suite

        report = Report()
        try:
            run_suite(
                quick=options.quick,
                groups=options.only,
                seed=options.seed,
                progress=display.progress,
                report=report,
            )
        except KeyboardInterrupt as error:
            error.add_note(
                f"Interrupted after {len(report.checks)} checks, of which "
                f"{len(report.failed)} failed."
            )
            raise
    seconds = time.perf_counter() - started
    code = EXIT_GOOD if report.ok else EXIT_FAILED
    document = report_document(report, options, seconds=seconds, code=code)
    if options.as_json:
        write_json(document)
    else:
        from flowmc.cli.show_validation import show_report

        show_report(report, document)
    return code


def report_document(
    report: Any, options: ValidateOptions, *, seconds: float, code: int
) -> dict[str, Any]:
    """Return the report as plain values."""
    import emcee

    from flowmc.results.versions import package_versions

    limit = report.limit
    checks = [
        {
            "group": check.group,
            "case": check.case,
            "quantity": check.quantity,
            "found": check.found,
            "error": check.error,
            "truth": check.truth,
            "z": check.z,
            "resolution": check.resolution,
            "passed": check.passes(limit),
        }
        for check in report.checks
    ]
    return plain(
        {
            "exit_code": code,
            "passed": report.ok,
            "quick": options.quick,
            "seed": options.seed,
            "limit": limit,
            "checks": checks,
            "failures": [failure._asdict() for failure in report.failures],
            "notes": report.notes,
            "seconds": {**report.seconds, "total": seconds},
            "versions": {**package_versions(), "emcee": emcee.__version__},
            "device": _device(),
        }
    )


def _device() -> str:
    """Return what computes: processors, and GPUs by name."""
    import tensorflow as tf

    # Of the machine where the system does not say what this process may use.
    may_use = getattr(os, "sched_getaffinity", None)
    cores = len(may_use(0)) if may_use else os.cpu_count()
    found = [f"{cores} CPU core{'s' * (cores != 1)}"]
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        found.append(details.get("device_name", "GPU"))
    return ", ".join(found)
