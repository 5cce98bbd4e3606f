"""Models on disk: description plus arrays, and sentences where they do not fit."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import CheckpointCorruptError, CheckpointMismatchError
from flowmc.core.records import SavedModel
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.results.container import write_container
from flowmc.results.files import MissingFileError

SMALL = {"num_layers": 2, "hidden_units": [8]}


def test_saved_arrays_are_copies():
    model = models.make("maf", event_size=2, **SMALL)
    saved = to_saved(model)
    before = {path: array.copy() for path, array in saved.arrays.items()}
    for variable in model.trainable_variables:
        variable.assign_add(1.0 + variable * 0.0)
    for path, array in saved.arrays.items():
        np.testing.assert_array_equal(array, before[path])
    restored = from_saved(saved)
    x = np.ones((3, 2))
    assert np.all(restored.log_prob(x) != model.log_prob(x))


def test_every_variable_has_its_own_path():
    model = models.make("maf", event_size=3, **SMALL)
    assert len(get_arrays(model)) == len(model.variables)


def test_arrays_of_another_architecture():
    arrays = get_arrays(models.make("maf", event_size=2, **SMALL))
    other = models.make("maf", event_size=2, num_layers=3, hidden_units=[8])
    with pytest.raises(CheckpointMismatchError, match="must match the model's"):
        set_arrays(other, arrays)


def test_arrays_of_another_shape():
    arrays = get_arrays(models.make("maf", event_size=2, **SMALL))
    other = models.make("maf", event_size=2, num_layers=2, hidden_units=[4])
    before = get_arrays(other)
    with pytest.raises(CheckpointMismatchError, match="shape"):
        set_arrays(other, arrays)
    for path, array in get_arrays(other).items():
        np.testing.assert_array_equal(array, before[path])


@pytest.mark.parametrize(
    "change",
    [
        {"family": "family_of_the_future"},
        {"options": {"option_of_the_future": 1}},
        {"event_size": 3},
    ],
)
def test_description_of_another_version(change, tmp_path):
    saved = to_saved(models.make("maf", event_size=2, **SMALL))
    document = {**saved.description, **change}
    path = tmp_path / "model.h5"
    write_container(path, kind="model", arrays=saved.arrays, document=document)
    with pytest.raises(CheckpointMismatchError):
        models.load_model(path)


def test_file_that_is_no_model(tmp_path):
    path = tmp_path / "model.h5"
    with pytest.raises(MissingFileError):
        models.load_model(path)
    path.write_bytes(b"not a model at all")
    with pytest.raises(CheckpointCorruptError):
        models.load_model(path)
    write_container(path, kind="posterior", arrays={}, document={})
    with pytest.raises(CheckpointMismatchError):
        models.load_model(path)


def test_rebuilding_uses_the_stored_weights():
    model = models.make("maf", event_size=2, seed=5, **SMALL)
    saved = to_saved(model)
    arrays = {path: array + 0.1 for path, array in saved.arrays.items()}
    rebuilt = from_saved(SavedModel(description=saved.description, arrays=arrays))
    for path, array in get_arrays(rebuilt).items():
        np.testing.assert_array_equal(array, arrays[path])
