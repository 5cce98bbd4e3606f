"""Nested plain values as strict JSON, with the arrays put aside by name.

`pack` turns records, mappings, sequences and NumPy scalars into JSON values; arrays
either become lists or go into a table, leaving `{"$array": name}` behind.  Non-finite
floats are written `{"$float": "nan"}`, for JSON has none.  `unpack` is the inverse,
up to tuples, which come back as lists.  No class name is stored, no code is loaded.
"""

__all__ = ["pack", "unpack"]

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError

_ARRAY = "$array"
_FLOAT = "$float"


def pack(
    value: Any, *, arrays: dict[str, np.ndarray] | None = None, name: str = "value"
) -> Any:
    """Return `value` as JSON values.

    Args:
        value: None, bool, int, float, str, path, NumPy scalar or array, or a
            mapping, sequence or dataclass of these.
        arrays: Table that receives every array; None turns arrays into lists.
        name: Path of `value`, used for array names and in errors.

    Raises:
        ConfigurationError: A value has no JSON form, or a key is not a plain string.
    """
    if isinstance(value, np.ndarray):
        if arrays is None:
            return pack(value.tolist(), name=name)
        arrays[name] = value
        return {_ARRAY: name}
    if is_dataclass(value) and not isinstance(value, type):
        items = {field.name: getattr(value, field.name) for field in fields(value)}
        return _pack_mapping(items, arrays, name)
    if isinstance(value, Mapping):
        return _pack_mapping(value, arrays, name)
    if isinstance(value, list | tuple):
        return [
            pack(item, arrays=arrays, name=f"{name}/{index}")
            for index, item in enumerate(value)
        ]
    return _pack_scalar(value, name)


def unpack(value: Any, *, arrays: Mapping[str, np.ndarray] | None = None) -> Any:
    """Return what `pack` was given, arrays in their places; tuples are lists."""
    if isinstance(value, list):
        return [unpack(item, arrays=arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if _FLOAT in value:
        return float(value[_FLOAT])
    if _ARRAY in value:
        return (arrays or {})[value[_ARRAY]]
    return {key: unpack(item, arrays=arrays) for key, item in value.items()}


def _pack_mapping(items: Mapping, arrays: dict | None, name: str) -> dict[str, Any]:
    packed = {}
    for key, item in items.items():
        if not isinstance(key, str) or key.startswith("$"):
            raise ConfigurationError(
                f"Keys to be stored must be strings that do not begin with `$`; "
                f"`{name}` has the key {key!r}. Rename it."
            )
        # A slash inside a key must not look like a step of the path.
        step = key.replace("%", "%25").replace("/", "%2F")
        packed[key] = pack(item, arrays=arrays, name=f"{name}/{step}")
    return packed


def _pack_scalar(value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigurationError(
        f"Only numbers, strings, lists, mappings and arrays can be stored; `{name}` "
        f"is a {type(value).__name__}. Store a description of it instead."
    )
