"""Write the state of a run now and then; read it back to continue."""

__all__ = ["Saver", "digest"]

import hashlib
import time
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from flowmc.results.checkpoint import check_match, load_checkpoint, save_checkpoint
from flowmc.results.files import MissingFileError
from flowmc.sampling.state import RunState, state_from_checkpoint, state_to_checkpoint

INTERVAL_SECONDS = 15.0


class Saver:
    """Checkpoints of one run at one path; does nothing where no path is given.

    Args:
        path: Where to write, or None.
        identity: What must be equal for another run to continue this one: the
            target's fingerprint and every setting that changes draws.
    """

    def __init__(
        self, path: str | PathLike | None, *, identity: Mapping[str, Any]
    ) -> None:
        self._path = path
        self._identity = dict(identity)
        self._last = time.monotonic()
        self._saved: RunState | None = None

    def load(self) -> RunState:
        """Return the stored state.

        Raises:
            MissingFileError: There is none.
            CheckpointCorruptError: It is damaged, and so is the one before it.
            CheckpointMismatchError: It belongs to another run; says what changed.
        """
        if self._path is None:
            raise MissingFileError("No checkpoint was asked for: pass `checkpoint`.")
        arrays, meta = load_checkpoint(self._path)
        check_match(meta["identity"], self._identity)
        return state_from_checkpoint(arrays, meta)

    def offer(self, state: RunState) -> None:
        """Save if the last time is long enough ago, or a phase has ended."""
        is_new_phase = self._saved is None or self._saved.phase != state.phase
        if is_new_phase or time.monotonic() - self._last > INTERVAL_SECONDS:
            self.save(state)

    def save(self, state: RunState) -> None:
        """Save now, unless this very state is what the file holds."""
        if self._path is None or state is self._saved:
            return
        arrays, meta = state_to_checkpoint(state)
        save_checkpoint(self._path, arrays, {**meta, "identity": self._identity})
        self._last, self._saved = time.monotonic(), state

    def told(self) -> str:
        """Say where the state went."""
        if self._path is None:
            return "no checkpoint was asked for, so nothing was kept."
        return f"its state is in {str(self._path)!r}: resume from there."


def digest(*arrays: Any) -> str:
    """Return a short fingerprint of arrays, for what must be equal on resuming."""
    state = hashlib.blake2b(digest_size=8)
    for array in arrays:
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()
