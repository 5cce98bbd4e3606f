"""The output folder of a run: its files, what may be overwritten, one writer."""

__all__ = ["OutputFolder", "find_posterior"]

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowmc.core.errors import ConfigurationError, OutputExistsError

POSTERIOR = "posterior.h5"
CHECKPOINT = "checkpoint.h5"
RESOLVED = "config.resolved.toml"
PRODUCTS = (
    "posterior.nc",
    "corner.png",
    "trace.png",
    "training.png",
    "ladder.png",
    "report.html",
)
OURS = (
    POSTERIOR,
    CHECKPOINT,
    f"{CHECKPOINT}.previous",
    RESOLVED,
    *PRODUCTS,
    "traceback.txt",
    ".flowmc-*.tmp",
)


class OutputFolder:
    """Where one run writes.

    Args:
        path: The folder; `create` makes it, `locked` holds it, `prepare` empties it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def file(self, name: str) -> Path:
        """Return the path of the file called `name` in this folder."""
        return self.path / name

    @property
    def is_finished(self) -> bool:
        """Whether the posterior of a finished run is here."""
        return self.file(POSTERIOR).exists()

    @property
    def has_checkpoint(self) -> bool:
        """Whether an unfinished run can be continued from here."""
        names = (CHECKPOINT, f"{CHECKPOINT}.previous")
        return any(self.file(name).exists() for name in names)

    def present_files(self) -> list[Path]:
        """Return the files of a finished run that are here."""
        names = (POSTERIOR, *PRODUCTS, RESOLVED)
        return [self.file(name) for name in names if self.file(name).exists()]

    def create(self) -> None:
        """Create the folder if it is missing, and make sure it can be written.

        Raises:
            ConfigurationError: The path is a file, or cannot be written.
        """
        from flowmc.results.files import OutputWriteError, check_writable

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            check_writable(self.file(POSTERIOR))
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigurationError(
                f"The output must be a folder; {self.path} is, or lies in, a file."
            ) from error
        except (OutputWriteError, OSError) as error:
            raise ConfigurationError(
                f"The output folder must be writable; {self.path} is not ({error})."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second run; the lock dies with the process.

        Raises:
            OutputExistsError: Another process is writing here.
        """
        try:
            import fcntl
        except ImportError:  # Windows has no flock
            yield
            return
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(folder)
            raise OutputExistsError(
                f"One run at a time may write to {self.path}; another one does. "
                "Wait for it, or choose another folder."
            ) from error
        except OSError:
            pass  # a file system without locks
        try:
            yield
        finally:
            os.close(folder)

    def prepare(self, *, resume: bool = False, force: bool = False) -> None:
        """Make sure that nothing of worth is overwritten.

        Args:
            resume: Results and checkpoints may be there.
            force: Delete them first; files that are not ours stay.

        Raises:
            OutputExistsError: There are results or a checkpoint, and neither
                `resume` nor `force` is set.
        """
        if force:
            self._clear()
        elif not resume:
            self._refuse_existing()

    def _clear(self) -> None:
        for pattern in OURS:
            for path in self.path.glob(pattern):
                path.unlink()

    def _refuse_existing(self) -> None:
        if self.is_finished:
            raise OutputExistsError(
                f"{self.path} holds the results of a finished run; `--resume` shows "
                "them, `--force` deletes them and starts again."
            )
        if self.has_checkpoint:
            raise OutputExistsError(
                f"{self.path} holds an unfinished run; `--resume` continues it, "
                "`--force` deletes it and starts again."
            )


def find_posterior(path: str | Path) -> Path:
    """Return the posterior's file, given it or the folder of a run.

    Raises:
        ConfigurationError: There is none.
    """
    path = Path(path)
    if path.is_file():
        return path
    found = path / POSTERIOR
    if found.is_file():
        return found
    if OutputFolder(path).has_checkpoint:
        raise ConfigurationError(
            f"{path.resolve()} must hold a finished run; it holds an unfinished one. "
            "Continue it with `flowmc run CONFIG.toml -o OUT --resume`."
        )
    raise ConfigurationError(
        "A finished run must be named by its folder or by its posterior.h5; there is "
        f"none at {path.resolve()}."
    )
