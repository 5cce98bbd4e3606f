"""Exit codes, and the one place where an exception becomes a line and a code.

0 done and the verdict is good; 1 the run failed (the target raised, a file is damaged);
2 bad usage or configuration; 3 finished but not converged; 130 interrupted after a
checkpoint; 141 the reader of our output went away.
"""

__all__ = [
    "EXIT_BROKEN_PIPE",
    "EXIT_FAILED",
    "EXIT_GOOD",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_CONVERGED",
    "EXIT_USAGE",
    "exit_code",
    "reports_errors",
    "silence_stdout",
    "verdict_code",
    "write_error",
    "write_json_error",
]

import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from flowmc.core.errors import (
    CheckpointMismatchError,
    ConfigurationError,
    FlowmcError,
    MissingDependencyError,
    ModelError,
    OutputExistsError,
    TargetError,
)

EXIT_GOOD = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_CONVERGED = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

USAGE_ERRORS = (
    CheckpointMismatchError,
    ConfigurationError,
    MissingDependencyError,
    ModelError,
    OutputExistsError,
    TargetError,
)


def exit_code(error: BaseException) -> int:
    """Return the process's exit code for an exception."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return EXIT_USAGE if isinstance(error, USAGE_ERRORS) else EXIT_FAILED


def verdict_code(verdict: Any) -> int:
    """Return 0 for a good verdict and 3 for a bad one."""
    return EXIT_GOOD if verdict.ok else EXIT_NOT_CONVERGED


def reports_errors(command: Callable[..., int]) -> Callable[..., None]:
    """Decorate a command: its return value is the exit code, its errors one line.

    `debug=True` among the command's arguments adds the traceback, `as_json=True` writes
    the error as JSON to stdout as well.
    """

    @wraps(command)
    def wrapper(**arguments: Any) -> None:
        try:
            code = command(**arguments)
        except BrokenPipeError:
            silence_stdout()
            code = EXIT_BROKEN_PIPE
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit | typer.Abort):
                raise
            code = exit_code(error)
            write_error(
                error,
                debug=arguments.get("debug", False),
                as_json=arguments.get("as_json", False),
            )
        raise typer.Exit(code)

    return wrapper


def write_error(error: BaseException, *, debug: bool, as_json: bool) -> None:
    """Write one line about `error` to stderr, and the traceback if asked for."""
    message = _sentence(error)
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    sys.stderr.write(f"flowmc: {message}\n")
    if as_json:
        write_json_error(message, kind=type(error).__name__, code=exit_code(error))


def write_json_error(message: str, *, kind: str, code: int) -> None:
    """Write the document that stands on stdout in place of a result."""
    result = {"exit_code": code, "error": message, "error_type": kind}
    sys.stdout.write(json.dumps(result) + "\n")


def silence_stdout() -> None:
    """Send further output nowhere, so that the final flush stays quiet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _sentence(error: BaseException) -> str:
    notes = getattr(error, "__notes__", [])
    text = " ".join(" ".join([str(error), *notes]).split())
    if isinstance(error, FlowmcError):
        return text
    if isinstance(error, KeyboardInterrupt):
        return text or "Interrupted."
    return f"{type(error).__name__}: {text} (`--debug` shows the traceback)"
