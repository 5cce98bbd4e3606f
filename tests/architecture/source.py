"""The package's source files, parsed: what the architecture tests look at."""

__all__ = ["PACKAGE", "ROOT", "Module", "parse", "read_package"]

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "flowmc"


@dataclass(frozen=True)
class Module:
    """One source file: its path relative to the checkout, text and syntax tree."""

    name: str
    text: str
    tree: ast.Module


def parse(text: str, *, name: str = "flowmc/planted.py") -> Module:
    """Return `text` as a module."""
    return Module(name, text, ast.parse(text))


@cache
def read_package() -> tuple[Module, ...]:
    """Return every module of the package."""
    return tuple(
        parse(path.read_text(), name=path.relative_to(ROOT).as_posix())
        for path in sorted(PACKAGE.rglob("*.py"))
    )
