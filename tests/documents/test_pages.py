"""Pages of `docs`: blocks run, links lead somewhere, tables give the true defaults."""

import re
from dataclasses import fields
from importlib import import_module

import pytest

from flowmc.sampling.settings import AnnealSettings, Schedule, TrainSettings
from tests.documents.pages import (
    DOCS,
    Script,
    blocks,
    missing_links,
    pages,
    read,
    run_block,
    scripts,
    skip_unless,
)

# Registering for good would change what other tests of the process see.
APART = ("extending",)
# Compiling and training take long; these are run with the long tests.
LONG = (
    *("clusters", "emcee", "gpu", "kernels", "log_densities", "performance"),
    *("adapters", "start", "tfp", "theory", "vae"),
)
PAGES = pages()


def is_long(page):
    """Whether the blocks of a page are left to the long tests."""
    return page.relative_to(DOCS).with_suffix("").parts[0] in LONG


BODIES = [
    pytest.param(
        script,
        id=script.name,
        marks=[pytest.mark.full] if is_long(page) else [],
    )
    for page in PAGES
    for script in scripts(page)
    if page.stem not in APART
]
SETTINGS = {"Schedule": Schedule, "AnnealSettings": AnnealSettings} | {
    "TrainSettings": TrainSettings
}
NESTED = {"anneal", "train"}


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a page as cells, head first, without the rule below it."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in lines]
        for lines in (
            [line for line in t.splitlines() if "---" not in line] for t in found
        )
    ]


def settings_table(name: str) -> dict[str, str]:
    """Return setting -> default of the sampler's page."""
    for head, *rows in tables(read("docs/sampler.md")):
        if head[0].startswith(f"`{name}`"):
            return {row[0].strip("`"): row[1].strip("`") for row in rows}
    return {}


@pytest.mark.parametrize("script", BODIES)
def test_block_runs(script, tmp_path, monkeypatch, capsys):
    skip_unless(script)
    monkeypatch.chdir(tmp_path)
    run_block(script.text, tmp_path)
    assert not re.search(r"\bnan\b", capsys.readouterr().out)


def test_blocks_are_found_and_joined(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    text = "<!-- setup\na = 1\n-->\n```python\nb = a\n```\n"
    text += "<!-- needs: absent_package -->\n```python\nc = b\n```\n"
    monkeypatch.setattr("tests.documents.pages.DOCS", tmp_path)
    page.write_text(text)
    first, second = scripts(page)
    assert first == Script("page-0", "a = 1\n\nb = a\n", ())
    with pytest.raises(pytest.skip.Exception, match="needs absent_package"):
        skip_unless(second)
    page.write_text("<!-- blocks: together -->\n" + text)
    (script,) = scripts(page)
    assert script.text == "a = 1\n\nb = a\n\nc = b\n"


def test_every_python_block_is_run_by_a_test():
    found = sum(len(blocks("python", text=page.read_text())) for page in PAGES)
    run = sum(
        len(blocks("python", text=page.read_text()))
        for page in PAGES
        if page.stem in APART or scripts(page)
    )
    assert run == found > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    assert not missing_links(page)


def test_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](page.md), [b](gone.md#part), [c](https://example.org)\n")
    assert missing_links(page) == ["gone.md"]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_have_the_defaults_that_are_told(name):
    record = SETTINGS[name]()
    names = [f.name for f in fields(record) if f.name not in NESTED]
    assert settings_table(name) == {each: str(getattr(record, each)) for each in names}


def test_limits_are_those_of_the_code():
    (limits,) = [t for t in tables(read("docs/sampler.md")) if t[0][0] == "limit"]
    assert len(limits) > 10
    for _, value, place in limits[1:]:
        module, _, name = place.strip("`").rpartition(".")
        path = module if "." in module else f"sampling.{module}"  # its own room
        found = getattr(import_module(f"flowmc.{path}"), name)
        assert str(found) == value.strip("`"), place
