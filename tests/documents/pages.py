"""What the tests of documents share: fenced blocks, and how one of them is run."""

__all__ = ["blocks", "missing_links", "read", "run_block"]

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np

from tests.architecture.source import ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(language: str, *, text: str) -> list[str]:
    """Return the bodies of the fenced blocks of one language."""
    return [body for name, body in BLOCK.findall(text) if name == language]


def run_block(body: str, folder: Path) -> None:
    """Run a block as a script of its own; it may touch no global generator."""
    script = folder / "block.py"
    script.write_text(body)
    before = _global_state()
    runpy.run_path(str(script), run_name="__main__")
    np.testing.assert_array_equal(before, _global_state())


def missing_links(page: Path) -> list[str]:
    """Return the files that a page links to and that do not exist."""
    links = LINK.findall(page.read_text())
    return [link for link in links if not (page.parent / link).exists()]


def read(name: str) -> str:
    """Return the text of a document, named as seen from the root."""
    return (ROOT / name).read_text()


def _global_state() -> np.ndarray:
    state: Any = np.random.get_state()  # noqa: NPY002
    return state[1].copy()
