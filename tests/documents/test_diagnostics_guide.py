"""The guide to the verdict quotes the reasons as the code gives them."""

import ast
import re
from pathlib import Path

import pytest

from flowmc.results import mode_verdict, verdict
from flowmc.sampling import budget, conclusion, diagnose, sample, smc_checks
from tests.documents.pages import read

GUIDE = read("docs/diagnostics.md")
HOLE = "\x00"  # where a value is put in
# Where reasons come from: the verdict, and whoever ran the sampler.
SOURCES = (verdict, mode_verdict, smc_checks, diagnose, sample, budget, conclusion)


def sentences(module):
    """Return the strings of a module, joined, with holes for values."""
    found = []
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = [getattr(part, "value", HOLE) for part in node.values]
            found.append("".join(p if isinstance(p, str) else HOLE for p in parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


SENTENCES = [sentence for module in SOURCES for sentence in sentences(module)]
QUOTED = [
    phrase.removeprefix("... ").strip()
    for row in re.findall(r"^\| (\*.+?) \|", GUIDE, re.MULTILINE)
    for cell in re.findall(r"\*(.+?)\*", row)
    for phrase in re.split(r" / (?=[a-z])", cell)
]


def is_said(phrase):
    """Whether some reason has this phrase; numbers and names may be values."""
    pieces = re.split(r"(`\w+`|\d[\d.]* ?%?|\.\.\.)", phrase)
    pattern = "".join(
        f"(?:{re.escape(piece)}|{HOLE}|.*)" if index % 2 else re.escape(piece)
        for index, piece in enumerate(pieces)
    )
    return any(re.search(pattern, sentence) for sentence in SENTENCES)


def test_reasons_are_quoted():
    assert len(QUOTED) > 20


@pytest.mark.parametrize("phrase", QUOTED)
def test_quoted_reason_is_given_by_the_code(phrase):
    assert is_said(phrase)


def test_wrong_quotation_is_seen():
    assert not is_said("Chains should be longer than 100")


@pytest.mark.parametrize("problem", verdict.REMEDIES)
def test_every_problem_of_the_kernels_is_in_the_guide(problem):
    assert f"`{problem}`" in GUIDE
