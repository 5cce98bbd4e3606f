"""Whole files or none: failures at every stage leave the old file and no litter."""

import errno
import os
import resource

import pytest

from flowmc.results import files
from flowmc.results.files import (
    MissingFileError,
    OutputWriteError,
    atomic_path,
    atomic_write,
    check_writable,
    existing_file,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "out.bin"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["out.bin"]


def test_keeps_the_file_it_replaces(tmp_path):
    path, kept = tmp_path / "a", tmp_path / "a.previous"
    for content in (b"one", b"two", b"three"):
        atomic_write(path, content, keep_as=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"three", b"two")
    assert names(tmp_path) == ["a", "a.previous"]


def test_keeps_the_old_file_where_hard_links_are_missing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    path, kept = tmp_path / "a", tmp_path / "a.previous"
    atomic_write(path, b"one", keep_as=kept)
    atomic_write(path, b"two", keep_as=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"two", b"one")


@pytest.mark.parametrize("folder", ["mit Leerzeichen", "Ünïcødé ✓ 日本"])
def test_any_legal_path(tmp_path, folder):
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / ("n" * 251 + ".bin")
    atomic_write(path, b"x")
    assert existing_file(path).read_bytes() == b"x"


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    atomic_write(link, b"x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "file").read_bytes() == b"x"


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch, function, code):
    path = tmp_path / "out.bin"
    atomic_write(path, b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, function, fail)
        with pytest.raises(OutputWriteError, match="out.bin") as caught:
            atomic_write(path, b"new")
    assert caught.value.errno == code
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_foreign_exceptions_pass_and_leave_the_old_file(tmp_path, error):
    path = tmp_path / "out.bin"
    atomic_write(path, b"old")

    def interrupted():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half of the ne")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


def test_a_full_disk_is_named(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputWriteError, match="limit"):
            atomic_write(tmp_path / "big", b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_bad_destinations_are_told_apart(tmp_path):
    for write in (check_writable, lambda path: atomic_write(path, b"")):
        with pytest.raises(OutputWriteError, match="does not"):
            write(tmp_path / "missing" / "out")
        with pytest.raises(OutputWriteError, match="is a folder"):
            write(tmp_path)
        with pytest.raises(OutputWriteError, match="too long"):
            write(tmp_path / ("n" * 300))
        write(tmp_path / "fine")


def test_missing_files_are_told_apart(tmp_path):
    with pytest.raises(MissingFileError, match="nothing is there"):
        existing_file(tmp_path / "no")
    with pytest.raises(MissingFileError, match="it is a folder"):
        existing_file(tmp_path)
