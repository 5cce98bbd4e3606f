"""Checkers of size: each returns a sentence for every module, function, class too big.

Lines of code are those that hold a token other than a comment or a docstring. A
function's signature is not counted: the public API fixes how many keywords it has.
"""

__all__ = [
    "CLASS_BUDGET",
    "FILE_BUDGET",
    "FUNCTION_BUDGET",
    "long_files",
    "long_functions",
    "median_file_length",
    "wide_classes",
]

import ast
import io
import statistics
import tokenize
from collections.abc import Iterable, Iterator

from tests.architecture.source import Module

FILE_BUDGET = 250
FUNCTION_BUDGET = 40
CLASS_BUDGET = 8

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SILENT_TOKENS = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def long_files(module: Module) -> list[str]:
    """Find a file of more than `FILE_BUDGET` lines."""
    length = len(module.text.splitlines())
    if length <= FILE_BUDGET:
        return []
    return [f"{module.name}: {length} lines, more than {FILE_BUDGET}"]


def median_file_length(modules: Iterable[Module]) -> float:
    """Return the median number of lines of a file that holds a def or class."""
    definition = (*_Function.__args__, ast.ClassDef)
    return statistics.median(
        len(module.text.splitlines())
        for module in modules
        if any(isinstance(node, definition) for node in module.tree.body)
    )


def long_functions(module: Module) -> list[str]:
    """Find functions of more than `FUNCTION_BUDGET` lines of code."""
    code = _code_lines(module)
    found = []
    for function in _functions(module.tree):
        first = function.body[0].lineno
        lines = code & set(range(first, (function.end_lineno or 0) + 1))
        length = len(lines - _docstring_lines(function))
        if length > FUNCTION_BUDGET:
            found.append(
                f"{module.name}:{function.lineno}: `{function.name}` has {length} "
                f"lines of code, more than {FUNCTION_BUDGET}"
            )
    return found


def wide_classes(module: Module) -> list[str]:
    """Find classes of more than `CLASS_BUDGET` public methods, properties apart."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            public = [
                item.name
                for item in node.body
                if isinstance(item, _Function)
                and not item.name.startswith("_")
                and not any("property" in ast.unparse(d) for d in item.decorator_list)
            ]
            if len(public) > CLASS_BUDGET:
                found.append(
                    f"{module.name}:{node.lineno}: `{node.name}` has {len(public)} "
                    f"public methods, more than {CLASS_BUDGET}"
                )
    return found


def _functions(tree: ast.Module) -> Iterator[_Function]:
    return (node for node in ast.walk(tree) if isinstance(node, _Function))


def _code_lines(module: Module) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type not in _SILENT_TOKENS:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _docstring_lines(function: _Function) -> set[int]:
    if ast.get_docstring(function) is None:
        return set()
    first = function.body[0]
    return set(range(first.lineno, (first.end_lineno or 0) + 1))
