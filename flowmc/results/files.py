"""Files appear whole or not at all, whatever stops the program in between.

A new file is written beside its destination, flushed to the disk, and only then given
its name; the folder is flushed last.  Where asked, the file it replaces stays under a
second name.  Failures of the disk are one typed error with the path and a remedy.
"""

__all__ = [
    "MissingFileError",
    "OutputWriteError",
    "atomic_path",
    "atomic_write",
    "check_writable",
    "existing_file",
]

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from flowmc.core.errors import FlowmcError

PathLike = str | os.PathLike[str]

_REMEDIES = {
    errno.EACCES: "it may not be written there; choose a folder of your own",
    errno.EPERM: "it may not be written there; choose a folder of your own",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOSPC: "the disk is full; free some space and write again",
    errno.EDQUOT: "the disk quota is used up; free some space and write again",
    errno.EFBIG: "the file is larger than the limit; raise the limit (`ulimit -f`)",
    errno.ENAMETOOLONG: "the name is too long for the file system; choose a shorter",
}


class OutputWriteError(FlowmcError, OSError):
    """A file cannot be written where the user asked for it."""


class MissingFileError(FlowmcError, FileNotFoundError):
    """A file that should be read does not exist."""


@contextmanager
def atomic_path(path: PathLike, *, keep_as: PathLike | None = None) -> Iterator[Path]:
    """Yield a temporary path whose file becomes `path` when the block succeeds.

    Args:
        path: Destination; its folder must exist.  A symbolic link is followed.
        keep_as: Where the file now at `path` stays reachable, in the same folder.

    Yields:
        A path in the destination's folder; the block must create the file.

    Raises:
        OutputWriteError: The destination cannot be written.  Whatever was at `path`
            before is untouched.
    """
    final = Path(os.path.realpath(path))
    # A short random name: no clash between writers, and long names stay legal.
    temporary = final.with_name(f".flowmc-{uuid4().hex}.tmp")
    with _typed_failure(final):
        _check_destination(final)
        try:
            yield temporary
            _flush(temporary)
            if keep_as is not None and final.exists():
                _keep(final, Path(keep_as))
            os.replace(temporary, final)
            _flush_folder(final.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def atomic_write(path: PathLike, data: Any, *, keep_as: PathLike | None = None) -> None:
    """Write the bytes (or buffer) `data` to `path`; see `atomic_path`."""
    with atomic_path(path, keep_as=keep_as) as temporary:
        temporary.write_bytes(data)


def check_writable(path: PathLike) -> None:
    """Raise `OutputWriteError` now if `path` could not be written later."""
    final = Path(os.path.realpath(path))
    probe = final.with_name(f".flowmc-{uuid4().hex}.tmp")
    with _typed_failure(final):
        _check_destination(final)
        # The name itself is tried too: it may be longer than the system allows.
        final.exists()
        probe.write_bytes(b"")
        probe.unlink()


def existing_file(path: PathLike) -> Path:
    """Return `path`, or raise `MissingFileError` if no readable file is there."""
    found = Path(path)
    if not found.is_file() or not os.access(found, os.R_OK):
        kind = "nothing is there"
        if found.exists():
            kind = "it is a folder" if found.is_dir() else "it may not be read"
        raise MissingFileError(
            f"A file must exist to be read; got {str(path)!r}, and {kind}. "
            "Check the path."
        )
    return found


@contextmanager
def _typed_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except FlowmcError:
        raise
    except OSError as error:
        reason = _REMEDIES.get(error.errno or 0, f"the system says: {error}")
        failure = OutputWriteError(f"{str(path)!r} could not be written: {reason}.")
        failure.errno = error.errno
        raise failure from error


def _check_destination(path: Path) -> None:
    if not path.parent.is_dir():
        raise OutputWriteError(
            f"The folder of an output file must exist; {str(path.parent)!r} does not. "
            "Create it first, or choose another path."
        )
    if path.is_dir():
        raise OutputWriteError(
            f"An output path must name a file; {str(path)!r} is a folder. "
            "Add a file name to it."
        )


def _keep(path: Path, previous: Path) -> None:
    # A second link first, so that `path` names a whole file at every instant.
    link = path.with_name(f".flowmc-{uuid4().hex}.tmp")
    try:
        os.link(path, link)
    except OSError:
        # No hard links here: for one instant only `previous` exists.
        link = path
    try:
        os.replace(link, previous)
    finally:
        if link != path:
            link.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # only POSIX systems open folders
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
