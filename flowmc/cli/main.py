"""The `flowmc` command: `run`, the table of its sisters, and nothing heavy.

Each command imports what it needs when it runs, so that `flowmc --help` answers at
once.  Exit codes are in `flowmc.cli.exits`.
"""

__all__ = ["app", "main"]

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flowmc.cli.commands import COMMANDS
from flowmc.cli.exits import (
    EXIT_BROKEN_PIPE,
    EXIT_GOOD,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    reports_errors,
    silence_stdout,
    write_json_error,
)
from flowmc.cli.options import DebugOption, JsonOption, QuietOption
from flowmc.cli.usage import usage_line

app = typer.Typer(
    name="flowmc",
    rich_markup_mode=None,  # plain help: loading rich for it takes longer than all else
    pretty_exceptions_enable=False,
)


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
    quiet: QuietOption = False,
    as_json: JsonOption = False,
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


for name, command in {"run": run, **COMMANDS}.items():
    app.command(name)(command)


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
        code, message = EXIT_USAGE, usage_line(error)
        sys.stderr.write(f"flowmc: {message}\n")
        if "--json" in words:
            write_json_error(message, kind="UsageError", code=code)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
        code = EXIT_BROKEN_PIPE
    return code
