"""Pools of every kind behind one ordered map; nothing here imports TensorFlow.

Loaded on first use: a worker, which needs one module of this room, loads no other.
"""

__all__ = ["MapPool"]

from importlib import import_module
from typing import Any

_HOME = {"MapPool": "map_pool"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"flowmc.parallel.{_HOME[name]}"), name)
    raise AttributeError(f"module 'flowmc.parallel' has no attribute '{name}'")
