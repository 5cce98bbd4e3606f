"""Where a move keeps what it learned: a file of its own, or a part of emcee's file.

A file of its own is a checkpoint like any other: replaced whole, with the one before it
kept.  In an HDF5 file that others write, such as that of emcee's `HDFBackend`, the same
bytes lie in a data set below the group `flowmc_moves`, which other readers pass over;
they carry their digest, and the state before stays there until the new one is written.
Nothing is pickled in either.
"""

__all__ = ["GROUP", "StateFile"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowmc.core.errors import CheckpointCorruptError
from flowmc.results.checkpoint import (
    check_match,
    load_checkpoint,
    previous_path,
    save_checkpoint,
)
from flowmc.results.container import decode_container, encode_container
from flowmc.results.document import pack, unpack
from flowmc.results.files import OutputWriteError, check_writable

GROUP = "flowmc_moves"
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # at the very start of a file that is not ours
KEPT = 2  # states in a file of others
KIND = "move"


class StateFile:
    """The saved state of one move.

    Args:
        path: A file; it need not exist yet, its folder must.
        name: Of the move; moves of different kinds may share an HDF5 file.

    Raises:
        OutputWriteError: Nothing can be written there.
    """

    def __init__(self, path: Any, *, name: str) -> None:
        check_writable(path)
        self._path = Path(path)
        self._name = name

    def save(self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Write a state.

        Raises:
            OutputWriteError: The disk refuses, or another process holds the file.
        """
        if not self._is_shared():
            save_checkpoint(self._path, arrays, {"move": self._name, **meta})
            return
        try:
            self._save_shared(arrays, {"move": self._name, **meta})
        except OSError as error:
            raise OutputWriteError(
                f"The state of a move could not be written to {str(self._path)!r}: "
                f"{error}. Free the disk or close other programs that use the file, "
                "or give `state_path` a file of its own."
            ) from error

    def load(
        self, *, expected: Mapping[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Read the newest intact state, or None if there has been none.

        Args:
            expected: What its meta values must hold, for it to be this move's.

        Raises:
            CheckpointCorruptError: Every state there is damaged.
            CheckpointMismatchError: It is of a move with other settings.
        """
        if self._is_shared():
            found = self._load_shared()
        elif self._path.exists() or previous_path(self._path).exists():
            found = load_checkpoint(self._path)
        else:
            found = None
        if found is not None:
            check_match(found[1], {"move": self._name, **expected})
        return found

    def _is_shared(self) -> bool:
        """Whether the file is an HDF5 file that is not one of ours."""
        if not self._path.is_file():
            return False
        with open(self._path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE

    def _save_shared(self, arrays: Mapping, meta: Mapping[str, Any]) -> None:
        import h5py

        with h5py.File(self._path, "a") as file:
            group = file.require_group(f"{GROUP}/{self._name}")
            generation = 1 + max(map(int, group), default=0)
            image = encode_container(
                kind=KIND,
                arrays=arrays,
                document=pack(meta, name="meta"),
                generation=generation,
            )
            group[str(generation)] = np.frombuffer(image, np.uint8)
            file.flush()  # before the older one goes
            for number in sorted(map(int, group))[:-KEPT]:
                del group[str(number)]

    def _load_shared(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        import h5py

        label = f"{self._path}:/{GROUP}/{self._name}"
        with h5py.File(self._path, "r") as file:
            group = file.get(f"{GROUP}/{self._name}", {})
            images = [bytes(group[str(n)][()]) for n in sorted(map(int, group))]
        if not images:
            return None
        failure: Exception | None = None
        for image in reversed(images):
            try:
                container = decode_container(image, kind=KIND, label=label)
            except CheckpointCorruptError as error:
                failure = failure or error
            else:
                return dict(container.arrays), unpack(container.document)
        raise CheckpointCorruptError(
            f"The state of a move must be intact to be gone on with: {failure} Delete "
            f"the group {GROUP!r} to learn anew."
        ) from failure
