"""What the tests of documents share: fenced blocks, and how one of them is run.

Comments that no reader sees say how the Python blocks of a page are run:

    <!-- setup ... -->          code that goes before each block
    <!-- blocks: together -->   they are one script, in order; else each stands alone
    <!-- needs: NAME -->        before a block: a package, or GPU; skipped without it
"""

__all__ = [
    "Script",
    "blocks",
    "missing_links",
    "pages",
    "read",
    "run_block",
    "scripts",
    "skip_unless",
]

import re
import runpy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.architecture.source import ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(
    r"^(?:<!-- needs: (\w+) -->\n)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
SETUP = re.compile(r"^<!-- setup\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
TOGETHER = "<!-- blocks: together -->"
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
DOCS = ROOT / "docs"


class Script(NamedTuple):
    """Code of a page that can be run, and the packages that it needs."""

    name: str
    text: str
    needs: tuple[str, ...]


def pages() -> list[Path]:
    """Return the pages of the site, sorted."""
    return sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)


def scripts(page: Path) -> list[Script]:
    """Return what the Python blocks of a page amount to."""
    text, name = page.read_text(), page.relative_to(DOCS).with_suffix("").as_posix()
    found = PYTHON.findall(text)
    setup = "".join(SETUP.findall(text))
    if TOGETHER in text and found:
        needs = tuple(need for need, _ in found if need)
        body = "\n".join([setup, *(body for _, body in found)])
        return [Script(name, body, needs)]
    return [
        Script(f"{name}-{number}", f"{setup}\n{body}", (need,) if need else ())
        for number, (need, body) in enumerate(found)
    ]


def skip_unless(script: Script) -> None:
    """Skip a script whose package, or GPU, is not here; say which."""
    for need in script.needs:
        if need != "GPU":
            pytest.importorskip(need, reason=f"{script.name} needs {need}")
            continue
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            pytest.skip(f"{script.name} needs a GPU")


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
    """Return the files that a page links to, outside of code, and that do not exist."""
    links = LINK.findall(BLOCK.sub("", page.read_text()))
    return [link for link in links if not (page.parent / link).exists()]


def read(name: str) -> str:
    """Return the text of a document, named as seen from the root."""
    return (ROOT / name).read_text()


def _global_state() -> np.ndarray:
    state: Any = np.random.get_state()  # noqa: NPY002
    return state[1].copy()
