"""The first 512 bytes of every file of ours: what it is, and the digest of the rest.

HDF5 leaves a block at the start of a file to its user; ours holds one JSON line with
the kind, the format version, a generation counter, and length and SHA-256 of all that
follows.  The block ends in its own digest: no byte of the file is unguarded, and the
counter is read without opening the rest.
"""

__all__ = ["FORMAT_VERSION", "HEADER_BYTES", "Header", "decode_header", "encode_header"]

import hashlib
import json
from dataclasses import asdict, dataclass

from flowmc.core.errors import CheckpointCorruptError, CheckpointMismatchError

FORMAT_VERSION = 1
HEADER_BYTES = 512
_MAGIC = b"flowmc container\n"
_DIGEST_BYTES = 65  # 64 hexadecimal digits and a newline


@dataclass(frozen=True)
class Header:
    """What the first block of a file says.

    Attributes:
        kind: "posterior", "checkpoint", ...
        payload_bytes: Length of all that follows the block.
        payload_sha256: Its digest.
        generation: Counts the files written to one path; larger is newer.
        format_version: Layout of the payload.
    """

    kind: str
    payload_bytes: int
    payload_sha256: str
    generation: int = 0
    format_version: int = FORMAT_VERSION


def encode_header(header: Header) -> bytes:
    """Return the block of `HEADER_BYTES` bytes."""
    line = _MAGIC + json.dumps(asdict(header)).encode() + b"\n"
    body = line.ljust(HEADER_BYTES - _DIGEST_BYTES)
    return body + _digest(body)


def decode_header(block: bytes, *, path: str) -> Header:
    """Read the block of the file at `path`.

    Raises:
        CheckpointCorruptError: The block is short, damaged, or not ours.
        CheckpointMismatchError: The file comes from a newer version of flowmc.
    """
    body, digest = block[:-_DIGEST_BYTES], block[-_DIGEST_BYTES:]
    intact = len(block) == HEADER_BYTES and digest == _digest(body)
    if not intact or not body.startswith(_MAGIC):
        raise CheckpointCorruptError(
            f"A file of flowmc begins with an intact header; {path!r} does not: it is "
            "damaged, cut short, or not ours. Use another copy, or run again."
        )
    content = json.loads(body[len(_MAGIC) :])
    version = content["format_version"]
    if version > FORMAT_VERSION:
        raise CheckpointMismatchError(
            f"This flowmc reads format_version up to {FORMAT_VERSION}; {path!r} has "
            f"format_version {version}. Upgrade flowmc to read it."
        )
    return Header(**content)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n"
