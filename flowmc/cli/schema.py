"""What a configuration may say: every key with its kind, default and meaning.

Kinds and defaults come from the pydantic classes and the records of the schedule, and
meanings from their docstrings, so nothing is written twice.
"""

__all__ = ["SettingRow", "annotated_toml", "json_schema", "setting_rows", "show_schema"]

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from textwrap import wrap
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from flowmc.cli.config import Config
from flowmc.cli.exits import EXIT_GOOD
from flowmc.cli.json_result import write_json
from flowmc.cli.toml_writer import to_toml

EXAMPLE = "posterior.py:target"  # stands where there is no default
HEADER = """\
A configuration of `flowmc run`, with the default of every key; only
`posterior` must be given. Keys in comments are not set, or follow from the target.
"""
COMMENT_WIDTH = 86
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above"}
KINDS = {
    "boolean": "true or false",
    "integer": "integer",
    "number": "number",
    "object": "table",
    "string": "text",
}


class SettingRow(NamedTuple):
    """One key of a configuration."""

    path: str  # such as "sample.schedule.train.patience"
    kind: str  # in words
    default: Any  # None: not set
    meaning: str
    is_required: bool


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration, the schedule's tables included."""
    schema = Config.model_json_schema()
    definitions = schema["$defs"]
    inner = TypeAdapter(_schedule()).json_schema(ref_template="#/$defs/{model}")
    definitions |= inner.pop("$defs", {})
    definitions["Schedule"] = inner
    schedule = {"anyOf": [{"$ref": "#/$defs/Schedule"}, {"type": "null"}]}
    definitions["SampleSection"]["properties"]["schedule"] |= schedule
    for row in setting_rows():
        *_, table, key = ("", *row.path.split("."))
        owner = definitions[_DEFINITIONS[table]] if table else schema
        owner["properties"][key]["description"] = row.meaning
    for part in (schema, *definitions.values()):
        part["additionalProperties"] = False
        # Of the docstring the first line; the rest stands at the keys.
        part["description"] = part.get("description", "").partition("\n")[0]
    return {"$schema": DIALECT, **schema}


def setting_rows() -> list[SettingRow]:
    """Return a row for each key, tables before what they hold."""
    return list(_rows(Config, ""))


def annotated_toml() -> str:
    """Return a configuration with all defaults, each under what it means."""
    lines = [f"# {line}" for line in HEADER.splitlines()]
    tables = {row.path for row in setting_rows() if _is_table(row)}
    by_table: dict[str, list[SettingRow]] = {table: [] for table in tables}
    for row in setting_rows():
        table, _, _ = row.path.rpartition(".")
        if row.path in tables:
            by_table[row.path].insert(0, row)
        elif table:
            by_table[table].append(row)
    for table in (row.path for row in setting_rows() if row.path in tables):
        head, *rows = by_table[table]
        is_optional = table.startswith("sample.schedule")
        name = f"# [{table}]" if is_optional else f"[{table}]"
        lines += ["", *_comment(head.meaning), name]
        for row in rows:
            lines += ["", *_comment(f"{row.meaning} ({row.kind})")]
            lines.append(_assignment(row, is_optional=is_optional))
    return "\n".join(lines) + "\n"


def show_schema(*, as_json: bool = False) -> int:
    """Write the annotated TOML, or the JSON Schema, to stdout."""
    if as_json:
        write_json(json_schema())
    else:
        sys.stdout.write(annotated_toml())
    return EXIT_GOOD


# Names that pydantic gives to the classes, by the last part of a table's path.
_DEFINITIONS = {
    "target": "TargetSection",
    "sample": "SampleSection",
    "output": "OutputSection",
    "schedule": "Schedule",
    "anneal": "AnnealSettings",
    "train": "TrainSettings",
}


def _schedule() -> Any:
    from flowmc.sampling.settings import Schedule

    return Schedule


def _rows(section: Any, prefix: str) -> Iterator[SettingRow]:
    meanings = _meanings(section)
    schema = TypeAdapter(section).json_schema()
    for key, inner, default in _members(section):
        path, found = f"{prefix}{key}", schema["properties"][key]
        if inner is not None:
            yield SettingRow(path, "table", None, meanings[key], False)
            yield from _rows(inner, f"{path}.")
            continue
        is_required = key in schema.get("required", ())
        yield SettingRow(path, _kind(found), default, meanings[key], is_required)


def _members(section: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, the section inside (or None) and the default of each key."""
    if is_dataclass(section):
        make: Any = section
        for field in fields(section):
            default = getattr(make(), field.name)
            inner = type(default) if is_dataclass(default) else None
            plain = list(default) if isinstance(default, tuple) else default
            yield field.name, inner, plain
        return
    for key, field in section.model_fields.items():
        inner = field.annotation if hasattr(field.annotation, "model_fields") else None
        if key == "schedule":
            inner = _schedule()
        default = None if field.is_required() else field.default
        yield key, inner, default


def _meanings(section: Any) -> dict[str, str]:
    """Return what the docstring's list of attributes says of each."""
    text = (inspect.getdoc(section) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _kind(schema: Mapping[str, Any]) -> str:
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _kind(option)
    if "enum" in schema:
        return "one of " + ", ".join(f'"{choice}"' for choice in schema["enum"])
    if schema.get("type") == "array":
        inner = schema["items"]
        return "list of rows" if inner.get("type") == "array" else "list of integers"
    bounds = [
        f" {word} {schema[key]:g}" for key, word in BOUNDS.items() if key in schema
    ]
    return KINDS[schema["type"]] + "".join(bounds)


def _is_table(row: SettingRow) -> bool:
    return row.kind == "table" and row.default is None


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, COMMENT_WIDTH)]


def _assignment(row: SettingRow, *, is_optional: bool) -> str:
    key = row.path.rpartition(".")[2]
    if row.is_required:
        return to_toml({key: EXAMPLE}).strip()
    if row.default is None:
        return f"# {key} is not set"
    if row.default == {}:
        return f"{key} = {{}}"
    line = to_toml({key: row.default}).strip()
    return f"# {line}" if is_optional else line
