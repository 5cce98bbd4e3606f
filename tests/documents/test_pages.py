"""Pages of `docs`: blocks run, links lead somewhere, tables give the true defaults."""

import re
from dataclasses import fields
from importlib import import_module

import pytest

from flowmc.sampling.settings import AnnealSettings, Schedule, TrainSettings
from tests.architecture.source import ROOT
from tests.documents.pages import blocks, missing_links, read, run_block

# Blocks of these stand alone; those of the others show one call each, of things that
# were defined in the sentence before.
WHOLE = ("clusters", "diagnostics", "evidence", "modes", "sampler", "smc")
BODIES = [
    pytest.param(body, id=f"{name}-{number}")
    for name in WHOLE
    for number, body in enumerate(blocks("python", text=read(f"docs/{name}.md")))
]
PAGES = sorted((ROOT / "docs").glob("*.md"))
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


@pytest.mark.parametrize("body", BODIES)
def test_block_runs(body, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_block(body, tmp_path)
    assert not re.search(r"\bnan\b", capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
