"""Tables of the page on the command line, from the command itself."""

__all__ = ["commands", "config_keys", "json_documents"]

from typing import Any


def commands() -> str:
    """Return each command with its arguments, options and first line of help."""
    import typer

    from flowmc.cli.main import app

    lines = ["| command | what it does | options |", "|---|---|---|"]
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        words = ["flowmc", name]
        options = []
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                words.append(parameter.metavar or parameter.name.upper())
            else:
                options.append(f"`{parameter.opts[0]}`")
        text = (command.help or "").partition("\n")[0]
        lines.append(f"| `{' '.join(words)}` | {text} | {', '.join(options)} |")
    return "\n".join(lines)


def config_keys() -> str:
    """Return every key of a configuration with kind, default and meaning."""
    from flowmc.cli.schema import setting_rows
    from flowmc.cli.toml_writer import to_toml

    lines = ["| key | kind | default | meaning |", "|---|---|---|---|"]
    for row in setting_rows():
        default = "required" if row.is_required else "not set"
        if row.default is not None:
            text = to_toml({"x": row.default}).strip()
            default = f"`{text.partition('= ')[2] or '{}'}`"
        if row.kind == "table" and row.default is None:
            default = ""
        lines.append(f"| `{row.path}` | {row.kind} | {default} | {row.meaning} |")
    return "\n".join(lines)


def json_documents() -> str:
    """Return the keys of each document that `--json` writes."""
    from flowmc.cli.json_keys import DOCUMENTS, ERROR_KEYS

    same: dict[tuple, list[str]] = {}
    for command, keys in {"an error": ERROR_KEYS, **DOCUMENTS}.items():
        same.setdefault(tuple(keys.items()), []).append(command)
    parts = []
    for keys, names in same.items():
        head = ", ".join(n if n == "an error" else f"`flowmc {n}`" for n in names)
        lines = [f"**{head[0].upper()}{head[1:]}**", "", "| key | value |", "|---|---|"]
        lines += [f"| `{key}` | {meaning} |" for key, meaning in keys]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
