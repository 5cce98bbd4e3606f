"""The report: complete, self-contained, escaped."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from flowmc.results.files import OutputWriteError
from tests.unit.results.builders import draws, make_posterior

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags nest, and collects sources, headings and words."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report ü.html"
    make_posterior().report(path)
    return path


def test_it_refers_to_nothing_outside(written):
    page = read(written)
    assert len(page.links) == 3
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    text = re.sub(r"base64,[^\"]*", "", written.read_text(encoding="utf-8"))
    assert not re.search(r"https?:|url\(|@import|<script|<link", text)


def test_the_verdict_comes_first_and_all_parts_follow(written):
    text = " ".join(read(written).words)
    places = [
        text.index(words)
        for words in (
            "Verdict: good",
            "Summary",
            "Evidence",
            "Diagnostics",
            "Cost",
            "Windows",
            "Resolved configuration",
        )
    ]
    assert places == sorted(places)
    for words in (
        "logk2",
        "-103.3450",
        "bridge",
        "81,234",
        "Refit rolled back",
        "acceptance of random_walk",
        "Groups agree.",
        "sample.num_draws = 300",
        "sample.bounds = [-inf]",
    ):
        assert words in text


def test_settings_bad_values_and_modes_are_reported(tmp_path):
    posterior = make_posterior(
        config={
            "pilot": {"acceptance": 0.25, "reasons": {"model": "maf: it is better"}},
            "reproducible": False,
        }
    )
    diagnostics = replace(
        posterior.diagnostics,
        num_bad_values=2,
        bad_values=({"logk1": 0.125, "logk2": -7.5, "jit": 3.0},),
        mode_report={"num_modes": 2, "mode_weights": [0.7, 0.3], "transitions": 900},
    )
    replace(posterior, diagnostics=diagnostics).report(tmp_path / "r.html")
    text = " ".join(read(tmp_path / "r.html").words)
    for words in (
        "Settings and why",
        "it is better",
        "Not reproducible",
        "modes among the draws",
        "0.7, 0.3",
        "0.125",
        "ESS per second",
        "R-hat of superchains",
    ):
        assert words in text


def test_names_are_escaped(tmp_path):
    name = '<script>alert("x")</script>'
    posterior = make_posterior(
        draws(num_draws=30, event_size=1),
        names=(name,),
        labels=(),
        config={name: "a & b"},
        verdict_options={"extra_reasons": (f"Because of {name}.",)},
    )
    posterior.report(tmp_path / "r.html")
    assert "<script" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    text = " ".join(read(tmp_path / "r.html").words)
    assert f"Because of {name}." in text
    assert "a & b" in text
    assert "Verdict: not good" in text


def test_a_bare_posterior_is_reported(tmp_path):
    posterior = make_posterior(
        draws(num_draws=10, num_chains=1),
        history=(),
        log_evidence=None,
        log_evidence_error=None,
        evidence={},
        config={},
        weighted=None,
    )
    posterior.report(tmp_path / "r.html")
    text = " ".join(read(tmp_path / "r.html").words)
    assert "Not computed in this run." in text
    assert "No windows were recorded." in text
    with pytest.raises(OutputWriteError):
        posterior.report(tmp_path / "missing" / "r.html")
