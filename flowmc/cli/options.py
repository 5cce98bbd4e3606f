"""Arguments and options that several commands share."""

__all__ = ["DebugOption", "JsonOption", "OutArgument", "QuietOption", "SeedOption"]

from pathlib import Path
from typing import Annotated

import typer

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The result as one JSON document on stdout.")
]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Same seed, same numbers.")]
