"""Bridges to other packages, one foreign package a file.

Each is loaded when it is first used, and needs its package only then.  Two are found by
their dotted names, as the packages themselves look for them: `flowmc.adapters.bilby`
(also by its entry point) and `flowmc.adapters.cobaya`.
"""

__all__ = ["from_tfp", "to_getdist", "to_tfp"]

from importlib import import_module
from typing import Any

_HOME = {
    "from_tfp": "flowmc.adapters.kernel_from_tfp",
    "to_getdist": "flowmc.adapters.getdist",
    "to_tfp": "flowmc.adapters.kernel_to_tfp",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'flowmc.adapters' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
