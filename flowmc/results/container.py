"""One file format for posteriors and checkpoints: HDF5 with named arrays and JSON.

The file opens in any HDF5 reader: arrays lie under `arrays/`, the JSON text is the
data set `document`.  Every array carries HDF5's Fletcher-32 sums, and the first block
(`container_header`) a digest of the whole: a file cut anywhere, or with any byte
changed, is refused.  Objects are neither written nor read, so nothing is unpickled.
"""

__all__ = [
    "Container",
    "decode_container",
    "encode_container",
    "is_intact",
    "read_container",
    "read_header",
    "write_container",
]

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowmc.core.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    ConfigurationError,
)
from flowmc.results.container_header import (
    HEADER_BYTES,
    Header,
    decode_header,
    encode_header,
)
from flowmc.results.files import (
    MissingFileError,
    PathLike,
    atomic_write,
    existing_file,
)
from flowmc.results.versions import package_versions

_CHUNK_BYTES = 1 << 20
_STORABLE = "biufcU"  # bool, integers, floats, complex, text


@dataclass(frozen=True)
class Container:
    """Contents of a file.

    Attributes:
        arrays: Name -> array, in the order written.
        document: JSON values.
        versions: Packages that wrote the file.
        header: First block of the file.
    """

    arrays: Mapping[str, np.ndarray]
    document: Any
    versions: Mapping[str, str]
    header: Header


def write_container(
    path: PathLike,
    *,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    document: Any,
    generation: int = 0,
    keep_as: PathLike | None = None,
) -> None:
    """Write a file, whole or not at all.

    Args:
        path: Destination in an existing folder.
        kind: Word that `read_container` asks for.
        arrays: Bool, integer, float, complex or text arrays of any shape; `/` in a
            name makes a group.
        document: JSON values (see `document.pack`).
        generation: Counter kept in the header.
        keep_as: Where the file now at `path` stays; see `files.atomic_path`.

    Raises:
        ConfigurationError: An array or value cannot be stored.
        OutputWriteError: The disk refuses.
    """
    view = encode_container(
        kind=kind, arrays=arrays, document=document, generation=generation
    )
    atomic_write(path, view, keep_as=keep_as)


def encode_container(
    *, kind: str, arrays: Mapping[str, np.ndarray], document: Any, generation: int = 0
) -> memoryview:
    """Return what `write_container` would write, as bytes."""
    buffer = io.BytesIO()
    _write_payload(buffer, arrays, document)
    view = buffer.getbuffer()
    payload = view[HEADER_BYTES:]
    digest = hashlib.sha256(payload).hexdigest()
    view[:HEADER_BYTES] = encode_header(Header(kind, len(payload), digest, generation))
    return view


def read_header(path: PathLike) -> Header:
    """Read and check the first block alone."""
    with open(existing_file(path), "rb") as file:
        return decode_header(file.read(HEADER_BYTES), path=str(path))


def read_container(path: PathLike, *, kind: str) -> Container:
    """Read a file after checking every byte of it.

    Raises:
        MissingFileError: No file is at `path`.
        CheckpointCorruptError: The file is damaged, cut short, or not ours.
        CheckpointMismatchError: It is of another kind, or newer than this flowmc.
    """
    # One descriptor for both passes: the file read is the file that was checked.
    with open(existing_file(path), "rb") as file:
        return _read(file, path=str(path), kind=kind)


def decode_container(data: bytes, *, kind: str, label: str) -> Container:
    """Read the bytes of `encode_container`; errors name them `label`."""
    return _read(io.BytesIO(data), path=label, kind=kind)


def is_intact(path: PathLike, *, kind: str) -> bool:
    """Return whether every byte at `path` is as written; False if nothing is there.

    Raises:
        CheckpointMismatchError: The file is of another kind, or of a newer flowmc.
    """
    try:
        with open(existing_file(path), "rb") as file:
            _verify(file, path=str(path), kind=kind)
    except (MissingFileError, CheckpointCorruptError):
        return False
    return True


def _read(file: Any, *, path: str, kind: str) -> Container:
    header = _verify(file, path=path, kind=kind)
    try:
        arrays, content = _read_payload(file)
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointCorruptError(
            f"{path!r} has a valid header but unreadable contents ({error}). "
            "Use another copy, or run again."
        ) from error
    return Container(arrays, content["document"], content["versions"], header)


def _verify(file: Any, *, path: str, kind: str) -> Header:
    header = decode_header(file.read(HEADER_BYTES), path=path)
    if header.kind != kind:
        raise CheckpointMismatchError(
            f"A file of kind `{kind}` is needed; {path!r} is of kind "
            f"`{header.kind}`. Give the other file."
        )
    length = file.seek(0, os.SEEK_END) - HEADER_BYTES
    file.seek(HEADER_BYTES)
    if length != header.payload_bytes:
        raise CheckpointCorruptError(
            f"{path!r} must hold {header.payload_bytes} bytes after its header; it "
            f"holds {length}: it was cut short or added to. Use another copy."
        )
    digest = hashlib.sha256()
    while block := file.read(_CHUNK_BYTES):
        digest.update(block)
    if digest.hexdigest() != header.payload_sha256:
        raise CheckpointCorruptError(
            f"The contents of {path!r} do not match their checksum: the file was "
            "damaged. Use another copy, or run again."
        )
    return header


def _write_payload(buffer: io.BytesIO, arrays: Mapping, document: Any) -> None:
    import h5py

    manifest = [
        {"name": name, "dtype": np.asarray(array).dtype.str}
        for name, array in arrays.items()
    ]
    content = {
        "versions": package_versions(),
        "arrays": manifest,
        "document": document,
    }
    with h5py.File(buffer, "w", userblock_size=HEADER_BYTES) as file:
        file["document"] = json.dumps(content, allow_nan=False)
        group = file.create_group("arrays")
        for name, array in arrays.items():
            _write_array(group, name, np.asarray(array))


def _write_array(group: Any, name: str, array: np.ndarray) -> None:
    import h5py

    if array.dtype.kind not in _STORABLE:
        raise ConfigurationError(
            "Stored arrays must hold numbers, booleans or text; "
            f"`{name}` has dtype {array.dtype}. Convert it first."
        )
    options: dict[str, Any] = {}
    if array.size and array.ndim:
        row_bytes = max(1, array.nbytes // len(array))
        rows = min(len(array), max(1, _CHUNK_BYTES // row_bytes))
        options = {"chunks": (rows, *array.shape[1:]), "fletcher32": True}
    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
        array = array.astype(h5py.string_dtype("utf-8", max(1, array.itemsize)))
    try:
        if {"", ".", ".."} & set(name.split("/")):
            raise ValueError("empty or relative step")
        group.create_dataset(name, data=array, **options)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            "Array names must be paths such as `layer/weight`, none inside another; "
            f"got {name!r} ({error}). Rename the array."
        ) from error


def _read_payload(file: Any) -> tuple[dict[str, np.ndarray], Any]:
    import h5py

    with h5py.File(file, "r") as stored:
        content = json.loads(stored["document"][()])
        arrays = {
            entry["name"]: _read_array(stored["arrays"][entry["name"]], entry["dtype"])
            for entry in content["arrays"]
        }
    return arrays, content


def _read_array(dataset: Any, dtype: str) -> np.ndarray:
    array = np.asarray(dataset[()])
    if np.dtype(dtype).kind == "U":
        array = np.char.decode(array, "utf-8")
    return array.astype(dtype, copy=False)
