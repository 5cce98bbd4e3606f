"""Sphinx configuration: `make docs` builds the site, and every warning is an error."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))
# Importing the package to read its docstrings needs neither a GPU nor a window.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import generated  # noqa: E402

import flowmc  # noqa: E402

project = "flowmc"
author = "The flowmc developers"
copyright = "The flowmc developers, MIT licence"
version = release = flowmc.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

default_role = "literal"  # docstrings write `names` in single backticks
add_module_names = False
python_use_unqualified_type_names = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "with_name_scope"}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"flowmc {release}"
html_copy_source = False
html_show_sourcelink = False


def setup(app):
    """Fill what pages leave to be generated."""
    app.connect("source-read", lambda app, name, source: generated.fill(name, source))
    app.connect("autodoc-process-docstring", _show_formulas)


def _show_formulas(app, what, name, value, options, lines):
    if what == "module":
        generated.as_formulas(lines)
