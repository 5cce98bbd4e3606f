"""The file format: exact round trips, and no damage goes unseen."""

import hashlib
import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest

from flowmc.core.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    ConfigurationError,
)
from flowmc.results import container_header
from flowmc.results.container import (
    is_intact,
    read_container,
    read_header,
    write_container,
)
from flowmc.results.container_header import HEADER_BYTES, encode_header
from flowmc.results.files import MissingFileError

ARRAYS = {
    "float": np.array([[1.0, -0.0], [np.nan, np.inf]]),
    "group/deep/float32": np.linspace(0, 1, 7, dtype=np.float32),
    "big endian": np.arange(4, dtype=">f8"),
    "int": np.arange(-3, 3, dtype=np.int8),
    "seed": np.array([2**63, 1], dtype=np.uint64),
    "bool": np.array([[True], [False]]),
    "text": np.array(["ü", "", "longer ✓"]),
    "scalar": np.array(2.5),
    "scalar text": np.array("one"),
    "empty": np.zeros((0, 3)),
    "no text": np.zeros(0, dtype="<U5"),
    "strided": np.arange(24.0).reshape(4, 6)[::2, ::-1],
    "ünïcode": np.arange(2),
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "file.h5"
    write_container(file, kind="test", arrays=ARRAYS, document={"a": [1, "ü"]})
    return file


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def test_round_trip_is_bit_identical(path):
    found = read_container(path, kind="test")
    assert_same(found.arrays, ARRAYS)
    assert found.document == {"a": [1, "ü"]}
    assert {"python", "flowmc", "numpy", "h5py"} <= found.versions.keys()


def test_large_arrays_are_chunked_and_summed(tmp_path):
    arrays = {"x": np.random.default_rng(0).standard_normal((5000, 64, 2))}
    write_container(tmp_path / "f", kind="test", arrays=arrays, document=None)
    assert_same(read_container(tmp_path / "f", kind="test").arrays, arrays)
    with h5py.File(tmp_path / "f") as file:
        assert file["arrays/x"].fletcher32
        assert file["arrays/x"].chunks[0] < 5000


def test_any_hdf5_reader_opens_it(path):
    with h5py.File(path) as file:
        assert np.array_equal(file["arrays/int"][...], ARRAYS["int"])
        assert file["arrays/float"].fletcher32
        assert '"document"' in file["document"][()].decode()


def test_every_truncation_is_seen(path):
    whole = path.read_bytes()
    lengths = {0, 1, 511, 512, 513, len(whole) - 1}
    lengths |= {len(whole) * percent // 100 for percent in range(0, 100, 2)}
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointCorruptError, match=r"file\.h5"):
            read_container(path, kind="test")
        assert not is_intact(path, kind="test")


def test_appended_bytes_are_seen(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointCorruptError, match="added to"):
        read_container(path, kind="test")


def test_every_flipped_byte_is_seen(path):
    whole = bytearray(path.read_bytes())
    places = [*range(HEADER_BYTES), *range(HEADER_BYTES, len(whole), 97)]
    for place in places:
        whole[place] ^= 1 << (place % 8)
        path.write_bytes(whole)
        with pytest.raises(CheckpointCorruptError, match=r"file\.h5"):
            read_container(path, kind="test")
        whole[place] ^= 1 << (place % 8)
    path.write_bytes(whole)
    read_container(path, kind="test")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a file of ours" * 100,
        pickle.dumps({"a": print}),
        b"\x89HDF\r\n\x1a\n",
    ],
)
def test_foreign_files_are_refused(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(CheckpointCorruptError):
        read_container(tmp_path / "f", kind="test")


def test_a_valid_header_around_rubbish_is_refused(path):
    payload = b"rubbish" * 100
    digest = hashlib.sha256(payload).hexdigest()
    header = replace(
        read_header(path), payload_bytes=len(payload), payload_sha256=digest
    )
    path.write_bytes(encode_header(header) + payload)
    with pytest.raises(CheckpointCorruptError, match="unreadable contents"):
        read_container(path, kind="test")


def test_a_future_format_names_both_versions(path, monkeypatch):
    future = replace(read_header(path), format_version=7)
    payload = path.read_bytes()[HEADER_BYTES:]
    path.write_bytes(encode_header(future) + payload)
    with pytest.raises(CheckpointMismatchError, match=r"up to 1.*format_version 7"):
        read_container(path, kind="test")
    monkeypatch.setattr(container_header, "FORMAT_VERSION", 7)
    assert_same(read_container(path, kind="test").arrays, ARRAYS)


def test_the_wrong_kind_and_missing_files(path, tmp_path):
    with pytest.raises(CheckpointMismatchError, match="kind `other` is needed"):
        read_container(path, kind="other")
    with pytest.raises(MissingFileError):
        read_container(tmp_path / "no", kind="test")


@pytest.mark.parametrize(
    "array",
    [
        np.array([{"a": 1}], dtype=object),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.zeros(2, dtype=[("x", "f8")]),
        np.array([b"bytes"]),
    ],
)
def test_objects_are_never_written(tmp_path, array):
    with pytest.raises(ConfigurationError, match="`x` has dtype"):
        write_container(tmp_path / "f", kind="t", arrays={"x": array}, document=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "/", "/a", "a//b", "../document", "."])
def test_unusable_names_are_refused(tmp_path, name):
    arrays = {name: np.zeros(2)}
    with pytest.raises(ConfigurationError, match="Rename the array"):
        write_container(tmp_path / "f", kind="t", arrays=arrays, document=0)


def test_a_name_inside_another_is_refused(tmp_path):
    arrays = {"a": np.zeros(2), "a/b": np.zeros(2)}
    with pytest.raises(ConfigurationError, match="none inside another"):
        write_container(tmp_path / "f", kind="t", arrays=arrays, document=0)
