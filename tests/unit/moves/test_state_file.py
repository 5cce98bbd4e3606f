import h5py
import numpy as np
import pytest

from flowmc.core.errors import CheckpointCorruptError, CheckpointMismatchError
from flowmc.moves.state_file import GROUP, StateFile
from flowmc.results.checkpoint import previous_path
from flowmc.results.files import OutputWriteError

ARRAYS = {"weights/a": np.arange(6.0).reshape(2, 3), "count": np.array(3)}
META = {"settings": {"num_adapt": 5}, "value": np.nan}


@pytest.fixture(params=["own", "shared"])
def path(request, tmp_path):
    path = tmp_path / "file.h5"
    if request.param == "shared":
        with h5py.File(path, "w") as file:
            file["mcmc/chain"] = np.ones((3, 2))
    return path


def load(path, name="FlowMove", **expected):
    return StateFile(path, name=name).load(expected=expected)


def test_nothing_yet(path):
    assert load(path) is None


def test_what_was_saved_is_there(path):
    file = StateFile(path, name="FlowMove")
    for value in (1.0, 2.0, 3.0):
        file.save({**ARRAYS, "value": np.array(value)}, META)
    arrays, meta = load(path, settings={"num_adapt": 5})
    np.testing.assert_array_equal(arrays["weights/a"], ARRAYS["weights/a"])
    assert arrays["value"] == 3.0
    assert np.isnan(meta["value"])


def test_other_settings_are_refused(path):
    StateFile(path, name="FlowMove").save(ARRAYS, META)
    with pytest.raises(CheckpointMismatchError, match=r"num_adapt.*from 5 to 6"):
        load(path, settings={"num_adapt": 6})


def test_moves_of_different_kinds_share_a_file_of_others(tmp_path):
    path = tmp_path / "chain.h5"
    with h5py.File(path, "w") as file:
        file["mcmc/chain"] = np.ones((3, 2))
    for name in ("FlowMove", "VAEMove"):
        StateFile(path, name=name).save({"a": np.full(2, len(name))}, META)
    assert load(path, "VAEMove")[0]["a"][0] == len("VAEMove")
    assert load(path)[0]["a"][0] == len("FlowMove")
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["mcmc/chain"], np.ones((3, 2)))


def test_moves_of_different_kinds_do_not_share_their_own_file(tmp_path):
    StateFile(tmp_path / "a.h5", name="FlowMove").save(ARRAYS, META)
    with pytest.raises(CheckpointMismatchError, match="FlowMove.*VAEMove"):
        load(tmp_path / "a.h5", "VAEMove")


def spoil(path, generation):
    with h5py.File(path, "a") as file:
        image = file[f"{GROUP}/FlowMove/{generation}"]
        image[len(image) // 2] ^= 255


def test_damage_is_seen_and_the_state_before_is_taken(tmp_path):
    path = tmp_path / "chain.h5"
    with h5py.File(path, "w") as file:
        file["mcmc/chain"] = np.ones(3)
    file = StateFile(path, name="FlowMove")
    for value in (1.0, 2.0):
        file.save({"a": np.array(value)}, META)
    spoil(path, 2)
    assert load(path)[0]["a"] == 1.0
    spoil(path, 1)
    with pytest.raises(CheckpointCorruptError, match="checksum"):
        load(path)


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_file_cut_short_is_one_typed_error(tmp_path, length):
    path = tmp_path / "state.h5"
    StateFile(path, name="FlowMove").save(ARRAYS, META)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointCorruptError):
        load(path)


def test_the_file_before_is_taken_where_the_newest_is_damaged(tmp_path):
    path = tmp_path / "state.h5"
    file = StateFile(path, name="FlowMove")
    for value in (1.0, 2.0):
        file.save({"a": np.array(value)}, META)
    path.write_bytes(path.read_bytes()[:900])
    assert previous_path(path).exists()
    assert load(path)[0]["a"] == 1.0


def test_a_folder_that_is_not_there_is_refused_before_sampling(tmp_path):
    with pytest.raises(OutputWriteError, match="folder"):
        StateFile(tmp_path / "gone" / "state.h5", name="FlowMove")


def test_nothing_of_python_is_in_the_file(path):
    StateFile(path, name="FlowMove").save(ARRAYS, META)
    assert b"pickle" not in path.read_bytes()
    assert b"numpy" in path.read_bytes()  # the versions, as text
