"""The `flowmc` command: its subcommands and their options, and nothing heavy.

Each command imports what it needs when it runs, so that `flowmc --help` answers at
once.  Exit codes are in `flowmc.cli.exits`.
"""

__all__ = ["app", "main"]

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flowmc.cli.exits import (
    EXIT_BROKEN_PIPE,
    EXIT_GOOD,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    reports_errors,
    silence_stdout,
)

app = typer.Typer(
    name="flowmc",
    add_completion=False,
    rich_markup_mode=None,  # plain help: loading rich for it takes longer than all else
    pretty_exceptions_enable=False,
)

OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


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


@app.callback(invoke_without_command=True)
def flowmc(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.")
    ] = False,
) -> None:
    """Sample posteriors with flows that are trained while sampling.

    Exit codes: 0 done and the verdict is good; 1 the run failed; 2 bad usage or
    configuration; 3 finished but not converged; 130 interrupted after a checkpoint.
    """
    if version:
        from flowmc import __version__

        typer.echo(f"flowmc {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
@reports_errors
def run(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="What to sample, and how.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help="Folder for the results."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in OUT.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete our files in OUT first.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Replace the seed of the file.")
    ] = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Evaluate the target once per chain, time it."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The result as JSON on stdout.")
    ] = False,
    debug: DebugOption = False,
) -> int:
    """Sample a posterior and write the results to OUT."""
    from flowmc.cli.run import RunOptions, execute

    return execute(
        RunOptions(
            config=config,
            output=output,
            resume=resume,
            force=force,
            seed=seed,
            test=test,
            quiet=quiet,
            as_json=as_json,
            debug=debug,
        )
    )


@app.command()
@reports_errors
def summary(out: OutArgument, debug: DebugOption = False) -> int:
    """Show parameters, evidence, cost, and settings with their reasons."""
    from flowmc.cli import inspection

    return inspection.summary(out)


@app.command()
@reports_errors
def diagnose(out: OutArgument, debug: DebugOption = False) -> int:
    """Judge the draws again: reasons and remedies; exit 0 or 3 by the verdict."""
    from flowmc.cli import inspection

    return inspection.diagnose(out)


@app.command()
@reports_errors
def plot(out: OutArgument, debug: DebugOption = False) -> int:
    """Draw the pictures of a run again: corner.png, trace.png and more."""
    from flowmc.cli import inspection

    return inspection.plot(out)


@app.command()
@reports_errors
def report(out: OutArgument, debug: DebugOption = False) -> int:
    """Write report.html again."""
    from flowmc.cli import inspection

    return inspection.report(out)


@app.command()
@reports_errors
def export(
    out: OutArgument,
    to: Annotated[ExportFormat, typer.Option("--to", help="Format.")],
    debug: DebugOption = False,
) -> int:
    """Write the draws for another program."""
    from flowmc.cli import inspection

    return inspection.export(out, form=to.value)


@app.command("list")
@reports_errors
def list_names(
    what: Annotated[Listing, typer.Argument(help="Which names.")],
    debug: DebugOption = False,
) -> int:
    """List what a configuration can name."""
    from flowmc.cli.listing import show_names

    return show_names(what.value, quiet=not debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: Words after `flowmc`; those of the process by default.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(args=words, prog_name="flowmc", standalone_mode=False) or EXIT_GOOD
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except Exception as error:
        # The parser's usage errors; their class has moved between typer's versions.
        if not hasattr(error, "format_message"):
            raise
        message = " ".join(error.format_message().split())
        sys.stderr.write(f"flowmc: {message.rstrip('.')}. Try `flowmc --help`.\n")
        code = EXIT_USAGE
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        code = EXIT_BROKEN_PIPE
    return code
