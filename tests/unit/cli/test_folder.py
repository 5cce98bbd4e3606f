"""An output folder is never overwritten by accident."""

import subprocess
import sys
import textwrap

import pytest

from flowmc.cli.folder import OutputFolder, find_posterior
from flowmc.core.errors import ConfigurationError, OutputExistsError
from flowmc.results.files import OutputWriteError


def test_create_makes_parents_with_odd_names(tmp_path):
    folder = OutputFolder(tmp_path / "é t é" / "run 1")
    folder.create()
    assert folder.path.is_dir()
    assert list(folder.path.iterdir()) == []


def test_file_in_the_way(tmp_path):
    (tmp_path / "taken").write_text("x")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ConfigurationError, match="must be a folder"):
            OutputFolder(path).create()


def test_unwritable_folder(tmp_path, monkeypatch):
    def refuse(path):
        raise OutputWriteError(f"{path} may not be written")

    monkeypatch.setattr("flowmc.results.files.check_writable", refuse)
    with pytest.raises(ConfigurationError, match="must be writable"):
        OutputFolder(tmp_path / "out").create()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("posterior.h5", "finished"),
        ("checkpoint.h5", "unfinished"),
        ("checkpoint.h5.previous", "unfinished"),
    ],
)
def test_existing_run_is_refused_by_name_of_the_options(tmp_path, name, kind):
    (tmp_path / name).write_text("x")
    folder = OutputFolder(tmp_path)
    with pytest.raises(OutputExistsError) as caught:
        folder.prepare()
    assert all(word in str(caught.value) for word in (kind, "--resume", "--force"))
    folder.prepare(resume=True)
    assert (tmp_path / name).exists()


def test_force_deletes_only_our_files(tmp_path):
    ours = ["posterior.h5", "checkpoint.h5", "corner.png", ".flowmc-12ab.tmp"]
    theirs = ["notes.txt", "figure.png", "posterior.h5.bak"]
    for name in [*ours, *theirs]:
        (tmp_path / name).write_text("x")
    OutputFolder(tmp_path).prepare(force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(theirs)


def test_foreign_files_do_not_matter(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    OutputFolder(tmp_path).prepare()
    assert (tmp_path / "notes.txt").read_text() == "x"


def test_one_writer_at_a_time(tmp_path):
    script = textwrap.dedent(
        f"""
        from flowmc.cli.folder import OutputFolder
        from flowmc.core.errors import OutputExistsError
        try:
            with OutputFolder({str(tmp_path)!r}).locked():
                code = 0
        except OutputExistsError as error:
            code = 7 if "another one does" in str(error) else 1
        raise SystemExit(code)
        """
    )
    command = [sys.executable, "-c", script]
    with OutputFolder(tmp_path).locked():
        assert subprocess.run(command, check=False).returncode == 7
    assert subprocess.run(command, check=False).returncode == 0


def test_find_posterior(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path, "."):
        with pytest.raises(ConfigurationError) as caught:
            find_posterior(path)
        assert str(caught.value).endswith(f"there is none at {tmp_path.resolve()}.")
    (tmp_path / "checkpoint.h5").write_text("x")
    with pytest.raises(ConfigurationError, match="unfinished"):
        find_posterior(tmp_path)
    (tmp_path / "posterior.h5").write_text("x")
    assert find_posterior(tmp_path) == tmp_path / "posterior.h5"
    assert find_posterior(tmp_path / "posterior.h5") == tmp_path / "posterior.h5"
