"""The commands beside `run`: of a finished run, and of flowmc itself.

Each imports what it needs when it is called, so that help and completion stay fast.
"""

__all__ = ["COMMANDS"]

from enum import StrEnum
from typing import Annotated

import typer

from flowmc.cli.exits import reports_errors
from flowmc.cli.options import (
    DebugOption,
    JsonOption,
    OutArgument,
    QuietOption,
    SeedOption,
)


class ExportFormat(StrEnum):
    """What `flowmc export` can write."""

    arviz = "arviz"
    getdist = "getdist"
    csv = "csv"


class Listing(StrEnum):
    """What `flowmc list` can show."""

    models = "models"
    kernels = "kernels"
    losses = "losses"


class Group(StrEnum):
    """Groups of checks of `flowmc validate`."""

    models = "models"
    kernels = "kernels"
    sample = "sample"
    smc = "smc"
    emcee = "emcee"


@reports_errors
def summary(
    out: OutArgument, as_json: JsonOption = False, debug: DebugOption = False
) -> int:
    """Show parameters, evidence, cost, and settings with their reasons."""
    from flowmc.cli import inspection

    return inspection.summary(out, as_json=as_json)


@reports_errors
def diagnose(
    out: OutArgument, as_json: JsonOption = False, debug: DebugOption = False
) -> int:
    """Judge the draws again: reasons and remedies; exit 0 or 3 by the verdict."""
    from flowmc.cli import inspection

    return inspection.diagnose(out, as_json=as_json)


@reports_errors
def plot(
    out: OutArgument, as_json: JsonOption = False, debug: DebugOption = False
) -> int:
    """Draw the pictures of a run again: corner.png, trace.png and more."""
    from flowmc.cli import inspection

    return inspection.plot(out, as_json=as_json)


@reports_errors
def report(
    out: OutArgument, as_json: JsonOption = False, debug: DebugOption = False
) -> int:
    """Write report.html again."""
    from flowmc.cli import inspection

    return inspection.report(out, as_json=as_json)


@reports_errors
def export(
    out: OutArgument,
    to: Annotated[ExportFormat, typer.Option("--to", help="Format.")],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> int:
    """Write the draws for another program."""
    from flowmc.cli import inspection

    return inspection.export(out, form=to.value, as_json=as_json)


@reports_errors
def validate(
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer checks: under a minute.")
    ] = False,
    only: Annotated[
        list[Group] | None,
        typer.Option("--only", help="One group of checks; may be repeated."),
    ] = None,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> int:
    """Check samplers and kernels on this machine against known answers."""
    from flowmc.cli.validate import ValidateOptions, execute

    return execute(
        ValidateOptions(
            quick=quick,
            only=tuple(group.value for group in only or ()),
            seed=seed,
            quiet=quiet,
            as_json=as_json,
            debug=debug,
        )
    )


@reports_errors
def list_names(
    what: Annotated[Listing, typer.Argument(help="Which names.")],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> int:
    """List what a configuration can name."""
    from flowmc.cli.listing import show_names

    return show_names(what.value, quiet=not debug, as_json=as_json)


@reports_errors
def schema(as_json: JsonOption = False, debug: DebugOption = False) -> int:
    """Show every key of a configuration with its default, as TOML or JSON Schema."""
    from flowmc.cli.schema import show_schema

    return show_schema(as_json=as_json)


COMMANDS = {
    "summary": summary,
    "diagnose": diagnose,
    "plot": plot,
    "report": report,
    "export": export,
    "validate": validate,
    "list": list_names,
    "schema": schema,
}
