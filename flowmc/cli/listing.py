"""`flowmc list`: the registered models, kernels and losses, one line each."""

__all__ = ["show_names"]

import inspect
import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from flowmc.cli.exits import EXIT_GOOD
from flowmc.cli.json_result import names_document, write_json
from flowmc.core import registry
from flowmc.core.quiet import import_tensorflow

# Room whose import files the classes, and its table.
ROOMS = {
    "models": ("flowmc.models", registry.MODELS),
    "kernels": ("flowmc.kernels", registry.KERNELS),
    "losses": ("flowmc.training", registry.LOSSES),
}


def show_names(what: str, *, quiet: bool = True, as_json: bool = False) -> int:
    """Write every name of `what` with the first line of its documentation."""
    room, table = ROOMS[what]
    # Packages that join by an entry point may print when they are loaded.
    with redirect_stdout(sys.stderr):
        import_tensorflow(quiet=quiet)
        import_module(room)
        found = {name: _first_line(table.get(name)) for name in table.names()}
    if as_json:
        write_json(names_document(what, found))
        return EXIT_GOOD
    width = max(map(len, found), default=0)
    for name, summary in found.items():
        sys.stdout.write(f"{name:<{width}}  {summary}".rstrip() + "\n")
    return EXIT_GOOD


def _first_line(entry: Any) -> str:
    return (inspect.getdoc(entry) or "").partition("\n")[0]
