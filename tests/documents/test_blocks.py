"""Blocks of other languages than Python: what they name exists, and they parse."""

import ast
import configparser
import inspect
import shlex
import subprocess

import pytest
import typer

import flowmc
from flowmc.cli.config import load_config
from flowmc.cli.main import app
from tests.architecture.source import ROOT
from tests.documents.pages import blocks, pages

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages()]
# Directives of the site, diagrams, and installation; "py" is Python for elsewhere.
OTHERS = {"", "python", "py", "sh", "sbatch", "toml", "ini"}


def lines_of(page):
    """Return the commands of a page's shell blocks, continuation lines joined."""
    text = "\n".join(blocks("sh", text=page.read_text())).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


COMMANDS = [
    pytest.param(line, id=f"{page.stem}: {line[:40]}")
    for page in PAGES
    for line in lines_of(page)
]


def objection(line):
    """Return what is wrong with a shell command, or None."""
    words = shlex.split(line, comments=True)
    name, rest = words[0], words[1:]
    if name == "flowmc":
        return _objection_to_flowmc(rest)
    if name in ("make", "export", ".venv/bin/pip", "pip", "pytest"):
        return None
    if name == "python3" and rest[:2] == ["-m", "venv"]:
        return None
    if name == "python":
        return None if (ROOT / rest[0]).exists() else f"{rest[0]} does not exist"
    return f"{name} is not known here"


def _objection_to_flowmc(words):
    group = typer.main.get_command(app)
    command = group.commands.get(words[0])
    own = {option for parameter in group.params for option in parameter.opts}
    if words[0] in own:
        return None
    if command is None:
        return f"flowmc {words[0]} does not exist"
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word for word in words[1:] if word.startswith("-")}
    if given - known:
        return f"{sorted(given - known)} are no options of flowmc {words[0]}"
    files = [word for word in words[1:] if word.startswith("examples/")]
    missing = [file for file in files if not (ROOT / file).exists()]
    return f"{missing} do not exist" if missing else None


@pytest.mark.parametrize("line", COMMANDS)
def test_shell_command_names_what_exists(line):
    assert objection(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "flowmc fly examples/k2_24.toml",
        "flowmc run examples/k2_24.toml --fast",
        "flowmc run examples/gone.toml",
        "python docs/figures/gone.py",
        "flow run",
    ],
)
def test_wrong_command_is_seen(line):
    assert objection(line) is not None


def test_configurations_and_packaging_parse(tmp_path):
    found = [b for page in PAGES for b in blocks("toml", text=page.read_text())]
    assert found
    for number, body in enumerate(found):
        path = tmp_path / f"{number}.toml"
        path.write_text(body)
        assert load_config(path).target.posterior
    for page in PAGES:
        for body in blocks("ini", text=page.read_text()):
            parser = configparser.ConfigParser()
            parser.read_string(body)
            assert parser.sections()


ELSEWHERE = [
    pytest.param(language, body, id=f"{page.stem}-{language}-{number}")
    for page in PAGES
    for language in ("py", "sbatch")
    for number, body in enumerate(blocks(language, text=page.read_text()))
]


@pytest.mark.parametrize(("language", "body"), ELSEWHERE)
def test_recipes_for_other_machines_parse(language, body):
    if language == "sbatch":
        done = subprocess.run(["bash", "-n"], input=body, text=True, check=False)
        assert done.returncode == 0
        return
    for node in ast.walk(ast.parse(body)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if ast.unparse(node.func.value) != "flowmc":
            continue
        value = getattr(flowmc, node.func.attr)
        known = set(inspect.signature(value).parameters)
        assert {keyword.arg for keyword in node.keywords} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_in_a_language_that_nothing_checks(page):
    text = page.read_text()
    heads = [line[3:] for line in text.splitlines() if line.startswith("```")]
    named = {head for head in heads if not head.startswith("{")}
    assert named <= OTHERS
