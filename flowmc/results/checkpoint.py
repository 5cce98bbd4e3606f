"""Checkpoints of a run: plain arrays and JSON, two generations deep.

`save_checkpoint` replaces the file whole and keeps the one before it under
`<name>.previous`; `load_checkpoint` reads the newest that is intact, by the counter in
its header and not by the clock.  A crash between any two instructions leaves at least
one generation; unfinished temporary files are never looked at.
"""

__all__ = ["check_match", "load_checkpoint", "previous_path", "save_checkpoint"]

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowmc.core.errors import CheckpointCorruptError, CheckpointMismatchError
from flowmc.results.container import (
    is_intact,
    read_container,
    read_header,
    write_container,
)
from flowmc.results.document import pack, unpack
from flowmc.results.files import MissingFileError, PathLike

_KIND = "checkpoint"
_MAX_REPORTED = 5
_logger = logging.getLogger(__name__)


def save_checkpoint(
    path: PathLike, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> int:
    """Write a checkpoint and keep the one it replaces.

    Args:
        path: Destination in an existing folder.
        arrays: Name -> numeric, boolean or text array of any shape.
        meta: JSON-like values; tuples come back as lists.

    Returns:
        The generation written: 1 for the first.

    Raises:
        ConfigurationError: A value cannot be stored.
        OutputWriteError: The disk refuses; both older generations are as before.
    """
    # A damaged newest file must not push out the intact one before it.
    keep_as = previous_path(path) if is_intact(path, kind=_KIND) else None
    generation = 1 + max(_generation(path), _generation(previous_path(path)))
    write_container(
        path,
        kind=_KIND,
        arrays=arrays,
        document=pack(meta, name="meta"),
        generation=generation,
        keep_as=keep_as,
    )
    return generation


def load_checkpoint(
    path: PathLike,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the newest intact generation.

    Returns:
        The arrays and the meta values given to `save_checkpoint`.

    Raises:
        MissingFileError: There is no generation at all.
        CheckpointCorruptError: Every generation is damaged.
        CheckpointMismatchError: The newest was written by a newer flowmc.
    """
    files = [file for file in (Path(path), previous_path(path)) if file.exists()]
    if not files:
        raise MissingFileError(
            f"A checkpoint must exist to be resumed; there is none at {str(path)!r}. "
            "Start the run without resuming."
        )
    for file in sorted(files, key=_generation, reverse=True):
        try:
            container = read_container(file, kind=_KIND)
        except CheckpointCorruptError as error:
            _logger.warning("Looking for an older generation: %s", error)
        else:
            return dict(container.arrays), unpack(container.document)
    raise CheckpointCorruptError(
        f"A checkpoint must be intact to be resumed; {str(path)!r} and the generation "
        "before it are damaged or missing. Start the run again."
    )


def previous_path(path: PathLike) -> Path:
    """Return where the generation before the one at `path` is kept."""
    return Path(f"{path}.previous")


def check_match(meta: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Require that the checkpoint's `meta` holds every value of `expected`.

    Args:
        meta: As returned by `load_checkpoint`; further keys are ignored.
        expected: What the present run would store, nested at will.

    Raises:
        CheckpointMismatchError: Says which keys changed, from what to what.
    """
    changes = list(_changes(meta, unpack(pack(expected, name="expected")), ""))
    if not changes:
        return
    told = "; ".join(changes[:_MAX_REPORTED])
    more = len(changes) - _MAX_REPORTED
    raise CheckpointMismatchError(
        "A checkpoint continues only the run that wrote it; since then "
        f"{told}{f'; and {more} more' if more > 0 else ''}. Restore these values, "
        "or start a new run elsewhere."
    )


def _generation(path: PathLike) -> int:
    try:
        return read_header(path).generation
    except (MissingFileError, CheckpointCorruptError):
        return 0


def _changes(stored: Any, expected: Any, name: str) -> Iterator[str]:
    if isinstance(stored, Mapping) and isinstance(expected, Mapping):
        for key, value in expected.items():
            path = f"{name}.{key}" if name else key
            if key in stored:
                yield from _changes(stored[key], value, path)
            else:
                yield f"`{path}` is new ({_short(value)})"
        if name:  # at the top, the checkpoint holds the run's state as well
            for key in stored.keys() - expected.keys():
                yield f"`{name}.{key}` is gone (it was {_short(stored[key])})"
    elif stored != expected and not (_is_nan(stored) and _is_nan(expected)):
        yield f"`{name}` changed from {_short(stored)} to {_short(expected)}"


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
