"""The README tells the truth: its code runs, and what it names exists."""

import configparser
import re
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT
from tests.documents import pages
from tests.documents.pages import read, run_block

README = read("README.md")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", ".ci/run")


def blocks(language: str, *, text: str = README) -> list[str]:
    """Return the bodies of the fenced blocks of one language."""
    return pages.blocks(language, text=text)


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def named_targets(text: str) -> set[str]:
    """Return what follows `make` in code of a document or script."""
    code = [*re.findall(r"`([^`\n]+)`", text), *blocks("sh", text=text)]
    return set(re.findall(r"^make ([a-z-]+)", "\n".join(code), re.MULTILINE))


def test_blocks_are_found():
    assert blocks("a", text="```a\n1\n```\n\n```b\n2\n```\n") == ["1\n"]
    assert len(blocks("python")) >= 3
    assert len(blocks("sh")) >= 2


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_block_runs(number, tmp_path, monkeypatch, capsys):
    """Each block stands alone, and touches no global generator."""
    monkeypatch.chdir(tmp_path)
    run_block(blocks("python")[number], tmp_path)
    assert "nan" not in capsys.readouterr().out


def test_readme_opens_with_the_two_commands():
    first = blocks("sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]
    assert README.index("make demo") < 40


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document):
    text = (ROOT / document).read_text()
    named = named_targets(text)
    if document == ".ci/run":
        named = set(re.search(r"for target in (.*);", text)[1].split())
    assert {"test", "test-full"} <= named or document == "README.md"
    assert named
    assert named <= make_targets()


def test_missing_make_target_is_seen():
    assert named_targets("`make absent`\n```sh\nmake gone # x\n```\n") == {
        "absent",
        "gone",
    }
    assert not {"absent", "gone"} & make_targets()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_named_files_exist(document):
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    paths = re.findall(r"\b(?:examples|tests|docs|flowmc)/[\w./]*\w", text)
    assert links
    missing = [path for path in {*links, *paths} if not (ROOT / path).exists()]
    assert not missing


def test_named_extras_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = set(setup["options.extras_require"])
    sentence = README[README.index("Extras:") :].split("\n\n")[0]
    named = re.findall(r"`(?:flowmc-tf\[)?(\w+)\]?`", sentence)
    assert {"gpu", "dask"} <= set(named) <= extras


def test_named_commands_exist():
    done = subprocess.run(
        [sys.executable, "-c", "from flowmc.cli.main import main; main()", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    named = set(re.findall(r"^flowmc (\w+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert {"run", "summary"} <= named
    missing = [name for name in named if not re.search(rf"\b{name}\b", done.stdout)]
    assert not missing


def test_exit_codes_are_told():
    codes = re.findall(r"^\| (\d+) \|", README, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "130"]
