"""A posterior is found, built, and every way to miss it is one sentence."""

import sys

import pytest

from flowmc.cli.config import load_config
from flowmc.cli.target_loader import load_target
from flowmc.core.errors import ConfigurationError


def load(config_file, name, *, arguments="{}"):
    config_file.write_text(f'[target]\nposterior = "{name}"\narguments = {arguments}\n')
    return load_target(load_config(config_file))


def test_function_with_arguments(config_file, fake_target):
    target = load(config_file, "line.py:line", arguments="{slope = 4.0}")
    assert isinstance(target, fake_target)
    assert target.slope == 4.0


def test_finished_target_and_module_name(config_file):
    assert load(config_file, "line.py:ready").slope == 2.0
    assert load(config_file, "line:ready").slope == 2.0  # its folder is on the path


def test_file_is_imported_once_under_its_stem(config_file):
    first = load(config_file, "line.py:ready")
    assert load(config_file, "line.py:ready") is first
    assert sys.modules["line"].ready is first


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("absent.py:line", "{}", "there is no file"),
        ("no_such_package.here:line", "{}", "importing no_such_package.here failed"),
        ("no_such_module:line", "{}", "there is no module no_such_module"),
        ("line.py:lime", "{}", "line.py has no `lime`; did you mean `line`?"),
        ("line.py:constant", "{}", "must name a function or a flowmc.Target"),
        ("line.py:number", "{}", "`number` in line.py gives int"),
        ("line.py:broken", "{}", "broken() failed with RuntimeError: no data."),
        ("line.py:line", "{slop = 1}", "`target.arguments.slop` is not an argument"),
        ("line.py:ready", "{slope = 1}", "needs a function to pass them to"),
    ],
)
def test_mistakes_are_named(config_file, name, arguments, told):
    with pytest.raises(ConfigurationError) as caught:
        load(config_file, name, arguments=arguments)
    assert told in str(caught.value)


def test_missing_argument_is_named(config_file):
    path = config_file.parent / "line.py"
    path.write_text(path.read_text() + "\ndef needs(width):\n    return width\n")
    with pytest.raises(ConfigurationError, match="missing a required argument"):
        load(config_file, "line.py:needs")


def test_failing_import_is_chained_and_leaves_no_module(config_file):
    (config_file.parent / "line.py").write_text("import no_such_thing_at_all\n")
    with pytest.raises(ConfigurationError, match="ModuleNotFoundError") as caught:
        load(config_file, "line.py:line")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "line" not in sys.modules


def test_file_named_like_a_loaded_module_is_refused(config_file):
    (config_file.parent / "json.py").write_text("x = 1\n")
    with pytest.raises(ConfigurationError, match="hides the module json"):
        load(config_file, "json.py:x")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("line:lime", "line has no `lime`; did you mean `line`?"),
        ("json:dump_s", "json has no `dump_s`; did you mean `dumps`?"),
        ("json.absent:x", "there is no module json.absent"),
        ("absent_module:x", "there is no module absent_module"),
        ("absent.py:x", "there is no file"),
        ("line.py", "must have the form `file.py:function`"),
        ("line.py:", "must have the form `file.py:function`"),
    ],
)
def test_command_names_the_mistake_in_one_line(config_file, name, told, capsys):
    from flowmc.cli.main import main

    load(config_file, "line.py:line")  # its folder is on the path now
    text = config_file.read_text().replace("line.py:line", name)
    config_file.write_text(text)
    assert main(["run", str(config_file), "--test", "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert told in captured.err
    assert "target.posterior" in captured.err


def test_module_of_an_installed_package(config_file, fake_target, monkeypatch):
    package = config_file.parent / "laws"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "lines.py").write_text("from line import line as steep\n")
    load(config_file, "line.py:line")
    target = load(config_file, "laws.lines:steep", arguments="{slope = 3.0}")
    assert target.slope == 3.0
    for name in ("laws", "laws.lines"):
        monkeypatch.delitem(sys.modules, name)
