"""Two generations, the newest intact one wins, and mismatches are spelled out."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from flowmc.core.errors import CheckpointCorruptError, CheckpointMismatchError
from flowmc.results.checkpoint import (
    check_match,
    load_checkpoint,
    previous_path,
    save_checkpoint,
)
from flowmc.results.container import write_container
from flowmc.results.files import MissingFileError, OutputWriteError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint with ü.h5"


def save(path, number):
    arrays = {"state/x": np.full((3, 2), float(number))}
    return save_checkpoint(path, arrays, {"number": number, "rate": 0.1})


def number(path):
    arrays, meta = load_checkpoint(path)
    assert np.all(arrays["state/x"] == meta["number"])
    return meta["number"]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_generations_count_up_and_the_newest_is_read(path):
    assert [save(path, n) for n in (10, 20, 30)] == [1, 2, 3]
    assert number(path) == 30
    assert number(previous_path(path)) == 20
    assert len(list(path.parent.iterdir())) == 2


def test_meta_and_arrays_come_back(path):
    arrays = {"seed": np.array([1, -2], dtype=np.int32), "done": np.array([True])}
    meta = {"names": ["a", "b"], "inf": -np.inf, "nested": {"x": [1, None]}}
    save_checkpoint(path, arrays, meta)
    found_arrays, found_meta = load_checkpoint(path)
    assert found_meta == meta
    assert {k: v.tolist() for k, v in found_arrays.items()} == {
        "seed": [1, -2],
        "done": [True],
    }
    assert found_arrays["seed"].dtype == np.int32


def test_a_damaged_newest_falls_back(path, caplog):
    save(path, 1)
    save(path, 2)
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert number(path) == 1
    assert "older generation" in caplog.text


def test_a_damaged_newest_never_replaces_the_intact_one_before(path):
    save(path, 1)
    save(path, 2)
    damage(path)
    assert save(path, 3) == 3
    assert (number(path), number(previous_path(path))) == (3, 1)


def test_the_counter_decides_and_not_the_clock(path):
    save(path, 1)
    save(path, 2)
    newer = previous_path(path).read_bytes(), path.read_bytes()
    path.write_bytes(newer[0])
    previous_path(path).write_bytes(newer[1])
    os.utime(previous_path(path), (0, 0))
    assert number(path) == 2


def test_only_the_previous_generation_is_left(path):
    save(path, 1)
    save(path, 2)
    path.unlink()
    assert number(path) == 1
    assert save(path, 3) == 2


def test_unfinished_files_are_ignored(path):
    save(path, 1)
    (path.parent / ".flowmc-0123.tmp").write_bytes(b"half")
    assert number(path) == 1


def test_nothing_there_and_everything_damaged(path):
    with pytest.raises(MissingFileError, match="none at"):
        load_checkpoint(path)
    save(path, 1)
    save(path, 2)
    damage(path)
    path.with_name(previous_path(path).name).write_bytes(b"")
    with pytest.raises(CheckpointCorruptError, match="damaged or missing"):
        load_checkpoint(path)


def test_a_failed_write_leaves_both_generations(path, monkeypatch):
    save(path, 1)
    save(path, 2)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OutputWriteError, match="disk is full"):
            save(path, 3)
    assert (number(path), number(previous_path(path))) == (2, 1)


def test_a_posterior_is_not_overwritten_by_a_checkpoint(path):
    write_container(path, kind="posterior", arrays={}, document={})
    with pytest.raises(CheckpointMismatchError, match="kind `posterior`"):
        save(path, 1)


WRITER = """
import sys
import numpy as np
from flowmc.results.checkpoint import load_checkpoint, save_checkpoint
from flowmc.results.files import MissingFileError
path = sys.argv[1]
try:
    number = load_checkpoint(path)[1]["number"]
except MissingFileError:
    number = 0
while True:
    number += 1
    save_checkpoint(path, {"state/x": np.full((20000, 2), number)}, {"number": number})
"""


def test_killing_the_writer_never_loses_the_run(path):
    reached = 0
    for delay in (0.003, 0.017, 0.041):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if path.exists() and number(path) > reached:
                break
            time.sleep(0.01)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        found = number(path)
        assert found > reached
        reached = found


def test_matching_settings_pass():
    meta = {"seed": 1, "names": ["a", "b"], "bounds": [[0.0, np.inf]], "step": 7}
    check_match(meta, {"seed": 1, "names": ("a", "b"), "bounds": [(0.0, np.inf)]})
    check_match({"x": float("nan")}, {"x": np.float64("nan")})


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"seed": 2}, r"`seed` changed from 1 to 2"),
        ({"names": ["b", "a"]}, r"`names` changed from \['a', 'b'\] to \['b', 'a'\]"),
        ({"model": {"layers": 6}}, r"`model\.layers` changed from 5 to 6"),
        ({"model": {}}, r"`model\.layers` is gone \(it was 5\)"),
        ({"model": {"layers": 5, "width": 8}}, r"`model\.width` is new \(8\)"),
        ({"target": "abc"}, r"`target` is new \('abc'\)"),
    ],
)
def test_what_changed_is_told(expected, told):
    meta = {"seed": 1, "names": ["a", "b"], "model": {"layers": 5}, "state": 0}
    with pytest.raises(CheckpointMismatchError, match=told):
        check_match(meta, expected)


def test_many_changes_are_cut_short():
    expected = {f"k{i}": i for i in range(9)}
    with pytest.raises(CheckpointMismatchError, match="and 4 more"):
        check_match({}, expected)
