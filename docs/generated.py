"""What pages leave to be generated: a comment `<!-- generated: NAME -->` is replaced.

The text depends on what is there when the site is built: further pages, examples,
registered models and kernels, measurements.  So adding one of them changes no page.
"""

__all__ = ["PLACEHOLDER", "as_formulas", "command", "examples", "fill"]

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from command_tables import commands, config_keys, json_documents
from measured import measured_samplers, measured_smc, missed_goals

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PLACEHOLDER = re.compile(r"<!-- generated: (\w+) -->")

# Classes of which every public method is shown; of the others, the class alone.
WITH_METHODS = (
    "AnalyticTarget",
    "BoundsTransform",
    "Diagnostics",
    "FlowMove",
    "GlobalLocalMove",
    "Posterior",
    "PreconditionedMove",
    "SummaryTable",
    "Target",
    "VAEMove",
    "Verdict",
)
LATER = ("clusters", "emcee")  # named in the index, shown once they are written
WITH_BASES = ("Posterior",)  # also those of its base
ROOMS = (
    *("adapters", "models", "moves", "targets", "results", "transforms"),
    "validation",
)


def fill(name: str, source: list[str]) -> None:
    """Replace the placeholders of the page `name`, in place, as Sphinx asks."""
    source[0] = PLACEHOLDER.sub(lambda match: SECTIONS[match[1]](), source[0])
    if name == "index":
        lines = source[0].splitlines(keepends=True)
        source[0] = "".join(line for line in lines if not _is_absent(line.strip()))


def as_formulas(lines: list[str]) -> None:
    """Show indented paragraphs of a module's docstring as they are, in place."""
    found, was_indented = [], False
    for line in lines:
        is_indented = line.startswith("    ")
        if is_indented and not was_indented:
            found += ["::", ""]
        if line.strip():
            was_indented = is_indented
        found.append(line)
    lines[:] = found


def _is_absent(line: str) -> bool:
    """Whether a line of the index names a page that is not written yet."""
    return line in LATER and not (DOCS / f"{line}.md").exists()


def further_pages() -> str:
    """Return the pages that the index does not name, one a line."""
    named = set((DOCS / "index.md").read_text().split())
    pages = sorted(path.stem for path in DOCS.glob("*.md"))
    return "\n".join(page for page in pages if page not in named and page != "index")


def gallery() -> str:
    """Return an entry for each example: title, first paragraph, picture, source."""
    return "\n\n".join(_example(path) for path in examples())


def examples() -> list[Path]:
    """Return the scripts of the examples folder that are run, sorted by name.

    Those are studies: with a main part, or a configuration that names them.
    """
    scripts = sorted((ROOT / "examples").glob("*.py"))
    return [p for p in scripts if _is_script(p) or p.with_suffix(".toml").exists()]


def _is_script(path: Path) -> bool:
    return '__name__ == "__main__"' in path.read_text()


def _example(script: Path) -> str:
    text = ast.get_docstring(ast.parse(script.read_text())) or script.stem
    title, _, rest = text.partition("\n")
    lines = [f"## {title.rstrip('.')}", rest.strip().split("\n\n")[0]]
    # NAME.png, and NAME-more.png for further pictures of the same example.
    for picture in sorted((DOCS / "gallery").glob("*.png")):
        if picture.stem.partition("-")[0] == script.stem:
            lines.append(f"![{title}](gallery/{picture.name})")
    lines.append(f"```sh\n{command(script)}\n```")
    return "\n\n".join(lines)


def command(script: Path) -> str:
    """Return how an example is run: by its configuration where it has one alone."""
    config = script.with_suffix(".toml")
    if _is_script(script) or not config.exists():
        return f"python examples/{script.name}"
    return f"flowmc run examples/{config.name} -o results/{script.stem}"


def api_functions() -> str:
    """Return the names of `import flowmc`: classes and functions."""
    import flowmc

    values = {name: getattr(flowmc, name) for name in flowmc.__all__}
    names = [name for name, value in values.items() if not inspect.ismodule(value)]
    return _directives([f"flowmc.{name}" for name in names])


def api_rooms() -> str:
    """Return the public names of each room, apart from those of `import flowmc`."""
    import flowmc

    sections = []
    for room in ROOMS:
        module = import_module(f"flowmc.{room}")
        names = [n for n in module.__all__ if n not in flowmc.__all__]
        head = f"### flowmc.{room}\n\n{_directive('module', module.__name__)}"
        sections.append(
            head + "\n\n" + _directives(f"flowmc.{room}.{n}" for n in names)
        )
    return "\n\n".join(sections)


def api_models() -> str:
    """Return every registered model, with what all flows share first."""
    from flowmc.core.registry import MODELS

    import_module("flowmc.models")
    shared = _directive("class", "flowmc.models.base.Flow", "members")
    return f"### What all flows have\n\n{shared}\n\n" + _registered(MODELS)


def api_kernels() -> str:
    """Return every registered kernel."""
    from flowmc.core.registry import KERNELS

    import_module("flowmc.kernels")
    return _registered(KERNELS)


def api_losses() -> str:
    """Return every registered loss."""
    from flowmc.core.registry import LOSSES

    import_module("flowmc.training")
    return _registered(LOSSES)


def api_settings() -> str:
    """Return the records of settings."""
    return _all_of("flowmc.sampling.settings")


def api_errors() -> str:
    """Return the typed exceptions."""
    return _all_of("flowmc.core.errors")


def api_protocols() -> str:
    """Return the protocols through which the rooms meet."""
    return _all_of("flowmc.core.types", "members")


def _all_of(path: str, *options: str) -> str:
    """Return the classes of a module that its `__all__` names."""
    import flowmc

    module = import_module(path)
    values = {name: getattr(module, name) for name in module.__all__}
    return "\n\n".join(
        _directive("class", f"{path}.{name}", *_of(value, options))
        for name, value in values.items()
        if inspect.isclass(value)
        and value.__module__ == path
        and name not in flowmc.__all__  # shown above, under the shorter name
    )


def _of(value: type, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options for a class; of records, the fields say enough."""
    return () if issubclass(value, tuple) else options


def _registered(registry: Any) -> str:
    sections = []
    for name in registry:
        entry = registry.get(name)
        module = _directive("module", entry.__module__, "no-index")
        own = _directives([f"{entry.__module__}.{entry.__name__}"])
        sections.append(f"### {name}\n\n{module}\n\n{own}")
    return "\n\n".join(sections)


def _directives(paths: Any) -> str:
    return "\n\n".join(_directives_of(paths))


def _directives_of(paths: Any) -> Iterator[str]:
    for path in paths:
        module, _, name = path.rpartition(".")
        value = getattr(import_module(module), name)
        if inspect.isclass(value):
            options = ["members"] if name in WITH_METHODS else []
            options += ["inherited-members"] if name in WITH_BASES else []
            yield _directive("class", path, *options)
        elif callable(value):
            yield _directive("function", path)


def _directive(kind: str, path: str, *options: str) -> str:
    lines = [f".. auto{kind}:: {path}", *(f"   :{option}:" for option in options)]
    return "\n".join(["```{eval-rst}", *lines, "```"])


SECTIONS: dict[str, Callable[[], str]] = {
    "api_errors": api_errors,
    "api_functions": api_functions,
    "api_kernels": api_kernels,
    "api_losses": api_losses,
    "api_models": api_models,
    "api_protocols": api_protocols,
    "api_rooms": api_rooms,
    "api_settings": api_settings,
    "commands": commands,
    "config_keys": config_keys,
    "further_pages": further_pages,
    "gallery": gallery,
    "json_documents": json_documents,
    "measured_samplers": measured_samplers,
    "measured_smc": measured_smc,
    "missed_goals": missed_goals,
}
