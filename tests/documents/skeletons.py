"""A pytest plugin: the skeletons of `docs/extending.md`, registered before collection.

`pytest -p tests.documents.skeletons tests/conformance -k sinh_arcsinh` then sends the
model of that page through the conformance suite, which finds it by its name.
"""

__all__ = ["page_blocks"]

import types
from pathlib import Path

from tests.documents.pages import DOCS, blocks


def page_blocks() -> list[str]:
    """Return the Python blocks of the page on extending."""
    return blocks("python", text=(DOCS / "extending.md").read_text())


def _register() -> types.ModuleType:
    """Run the block that defines the model, in a module of its own."""
    (body,) = [block for block in page_blocks() if "@MODELS.register" in block]
    module = types.ModuleType("skeleton_model")
    exec(compile(body, str(Path("extending.md")), "exec"), vars(module))  # noqa: S102
    return module


MODULE = _register()
