"""The test settings of setup.cfg do what they say."""

import subprocess
import warnings

import pytest

from tests.architecture.source import ROOT

RAISE = "import warnings; warnings.warn('planted', {kind})"


def warn_from(module: str, kind: str) -> None:
    """Raise a warning whose cause is `module`."""
    exec(RAISE.format(kind=kind), {"__name__": module})


@pytest.mark.parametrize("module", ["flowmc", "flowmc.core", "flowmc.results.plots"])
@pytest.mark.parametrize("kind", ["DeprecationWarning", "RuntimeWarning"])
def test_our_warnings_are_errors(module, kind):
    with pytest.raises(Warning, match="planted"):
        warn_from(module, kind)


@pytest.mark.parametrize("module", ["emcee", "flowmcmc", "tests.flowmc", "numpy.core"])
def test_warnings_of_others_are_not(module):
    with warnings.catch_warnings(record=True) as caught:
        warn_from(module, "RuntimeWarning")
    assert len(caught) == 1


def test_long_tests_are_left_out_by_default(pytestconfig):
    assert any(line.startswith("full:") for line in pytestconfig.getini("markers"))
    assert "not full" in pytestconfig.getini("addopts")


def test_no_source_is_ignored_by_git():
    """A pattern meant for one folder of results must not hide another."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    folders = ("flowmc", "tests", "examples", "docs")
    names = [f"{folder}/results/planted.py" for folder in ("flowmc", "tests/unit")]
    for folder in folders:
        names += [
            str(path.relative_to(ROOT)) for path in ROOT.glob(f"{folder}/**/*.py")
        ]
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        cwd=ROOT,
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [], "git would not see these files"
