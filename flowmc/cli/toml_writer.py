"""A TOML writer for plain nested dicts: strings, numbers, booleans, lists, tables.

The standard library reads TOML but does not write it.  A key whose value is None is
written as a comment, so that every setting of a run can be seen.
"""

__all__ = ["to_toml"]

import json
import math
import re
from collections.abc import Mapping
from typing import Any

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(document: Mapping[str, Any], *, header: str = "") -> str:
    """Return `document` as TOML text, with `header` as comment lines on top."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    _write_table(document, (), lines)
    return "\n".join(lines).strip("\n") + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list) -> None:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    plain = [(key, value) for key, value in table.items() if key not in inner]
    if path and (plain or not inner):
        lines += ["", f"[{'.'.join(map(_key, path))}]"]
    for key, value in plain:
        if value is None:
            lines.append(f"# {_key(key)} is not set")
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in inner.items():
        _write_table(value, (*path, key), lines)


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):  # inside a list
        inside = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items())
        return f"{{{inside}}}"
    if isinstance(value, int | float):
        return repr(value)
    return str(value)  # dates and times write themselves as TOML does


def _string(text: str) -> str:
    # JSON's escapes are TOML's; only DEL must be escaped as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
