"""The site: complete lists, small pictures that scripts make, and the build itself."""

import ast
import os
import re
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT
from tests.documents.pages import DOCS, pages

sys.path.insert(0, str(DOCS))

import generated  # noqa: E402

FIGURES = sorted((DOCS / "figures").glob("make_*.py"))
MOST_BYTES = 60_000
CITED = re.compile(r"(?:arXiv:|abs/)(\d{4}\.\d{4,5})|doi:(10\.\d+/[^\s,;)]+)")
# Made by the benchmark that its table comes from, and by running the examples.
ELSEWHERE = {"vae_two_modes", "gallery"}


def cited(text):
    """Return the arXiv identifiers and DOIs of a text."""
    return {arxiv or doi.rstrip(".") for arxiv, doi in CITED.findall(text)}


def test_citations_are_found():
    text = "arXiv:1234.56789, https://arxiv.org/abs/2101.00001; doi:10.1/ab(3)."
    assert cited(text) == {"1234.56789", "2101.00001", "10.1/ab(3"}


def test_bibliography_has_everything_that_is_cited():
    sources = [*(ROOT / "flowmc").rglob("*.py"), *(ROOT / "examples").glob("*.py")]
    texts = [path.read_text() for path in [*sources, *pages(), ROOT / "README.md"]]
    named = set().union(*map(cited, texts))
    missing = named - cited((DOCS / "bibliography.md").read_text())
    assert not missing, "add these to docs/bibliography.md"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_generated_sections_exist(page):
    names = generated.PLACEHOLDER.findall(page.read_text())
    assert set(names) <= set(generated.SECTIONS)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page):
    """A bar in a formula would cut a cell in two."""
    for table in re.findall(r"(?:^\|.*\|\n)+", page.read_text(), re.MULTILINE):
        rows = table.replace("\\|", "").splitlines()
        counts = {row.count("|") for row in rows}
        assert len(counts) == 1, rows[0]


def test_api_page_has_every_public_name():
    import flowmc

    page = [(DOCS / "api.md").read_text()]
    generated.fill("api", page)
    for name in ("models", "adapters", "moves", "targets"):
        for public in getattr(flowmc, name).__all__:
            assert re.search(rf"\b{public}\b", page[0]), f"flowmc.{name}.{public}"
    for name in ("Target", "sample", "Posterior", "maf", "hmc", "forward_kl"):
        assert re.search(rf"\b{name}\b", page[0]), name


def test_gallery_has_every_example():
    page = [(DOCS / "gallery.md").read_text()]
    generated.fill("gallery", page)
    scripts = generated.examples()
    assert scripts
    assert page[0].count("```sh") == len(scripts)
    for script in scripts:
        title = ast.get_docstring(ast.parse(script.read_text())).splitlines()[0]
        assert title.rstrip(".") in page[0]


def test_pages_that_the_index_does_not_name_are_added(monkeypatch, tmp_path):
    monkeypatch.setattr(generated, "DOCS", tmp_path)
    (tmp_path / "index.md").write_text(
        "start\nclusters\n<!-- generated: further_pages -->"
    )
    (tmp_path / "new.md").write_text("# New")
    source = [(tmp_path / "index.md").read_text()]
    generated.fill("index", source)
    assert source == ["start\nnew"]
    (tmp_path / "clusters.md").write_text("# Clusters")
    source = [(tmp_path / "index.md").read_text()]
    generated.fill("index", source)
    assert source == ["start\nclusters\nnew"]


def test_pictures_are_small_and_have_a_script():
    pictures = [*DOCS.glob("figures/*.png"), *DOCS.glob("gallery/*.png")]
    assert len(pictures) >= 9
    for picture in pictures:
        assert picture.stat().st_size < MOST_BYTES, picture
    made = {f"make_{p.stem}" for p in DOCS.glob("figures/*.png")}
    expected = {f"make_{name}" for name in ELSEWHERE}
    assert made - expected == {script.stem for script in FIGURES} - expected


@pytest.mark.full
@pytest.mark.parametrize("script", FIGURES, ids=lambda script: script.stem)
def test_figure_is_made_in_quick_mode(script, tmp_path):
    if script.stem == "make_gallery":
        command = [sys.executable, script, "k2_24_emcee"]
    else:
        command = [sys.executable, script]
    paths = {"FLOWMC_FIGURES": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | paths | {"FLOWMC_QUICK": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    if script.stem != "make_gallery":
        picture = tmp_path / script.name.replace("make_", "").replace(".py", ".png")
        assert 2000 < picture.stat().st_size < MOST_BYTES
