"""`flowmc list`: the registered models, kernels and losses, one line each."""

__all__ = ["show_names"]

import inspect
import sys
from importlib import import_module

from flowmc.cli.exits import EXIT_GOOD
from flowmc.cli.quiet import import_tensorflow
from flowmc.core import registry

# Room whose import files the classes, and its table.
ROOMS = {
    "models": ("flowmc.models", registry.MODELS),
    "kernels": ("flowmc.kernels", registry.KERNELS),
    "losses": ("flowmc.training", registry.LOSSES),
}


def show_names(what: str, *, quiet: bool = True) -> int:
    """Write every name of `what` with the first line of its documentation."""
    room, table = ROOMS[what]
    import_tensorflow(quiet=quiet)
    import_module(room)
    names = table.names()
    width = max(map(len, names), default=0)
    for name in names:
        summary = (inspect.getdoc(table.get(name)) or "").partition("\n")[0]
        sys.stdout.write(f"{name:<{width}}  {summary}".rstrip() + "\n")
    return EXIT_GOOD
