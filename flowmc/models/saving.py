"""Save and load models as a JSON description plus named arrays; nothing is pickled."""

__all__ = [
    "from_saved",
    "get_arrays",
    "load_model",
    "save_model",
    "set_arrays",
    "to_saved",
]

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import CheckpointMismatchError, ConfigurationError
from flowmc.core.records import SavedModel
from flowmc.core.registry import MODELS
from flowmc.results.container import read_container, write_container

FILE_KIND = "model"


def get_arrays(module: tf.Module) -> dict[str, np.ndarray]:
    """Return every variable of `module` by its path, as NumPy arrays."""
    return {path: variable.numpy() for path, variable in _variables(module).items()}


def set_arrays(module: tf.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of `get_arrays` back into the variables in place."""
    variables = _variables(module)
    if set(variables) != set(arrays):
        missing = sorted(set(variables) ^ set(arrays))
        raise CheckpointMismatchError(
            f"The saved arrays must match the model's variables; they differ in "
            f"{missing[:3]}. Build the model with the options it was saved with."
        )
    for path, variable in variables.items():
        if tuple(variable.shape) != np.shape(arrays[path]):
            raise CheckpointMismatchError(
                f"The saved arrays must have the model's shapes; `{path}` is "
                f"{np.shape(arrays[path])} and should be {tuple(variable.shape)}. "
                "Build the model with the options it was saved with."
            )
    for path, variable in variables.items():
        variable.assign(arrays[path])


def to_saved(model: Any) -> SavedModel:
    """Return the model's description and a copy of its weights."""
    return SavedModel(description=model.description, arrays=get_arrays(model))


def from_saved(saved: SavedModel) -> Any:
    """Rebuild a model from its description and weights."""
    description = saved.description
    family = MODELS.get(description["family"])
    model = family(description["event_size"], seed=0, **description["options"])
    set_arrays(model, saved.arrays)
    return model


def save_model(model: Any, path: str | os.PathLike) -> None:
    """Write `model` to one HDF5 file at `path`, atomically."""
    saved = to_saved(model)
    write_container(
        path, kind=FILE_KIND, arrays=saved.arrays, document=dict(saved.description)
    )


def load_model(path: str | os.PathLike) -> Any:
    """Read a model written by `save_model`.

    Raises:
        CheckpointCorruptError: The file is damaged or no model file.
        CheckpointMismatchError: The file holds something else, or fits no model of
            this version.
    """
    stored = read_container(path, kind=FILE_KIND)
    try:
        return from_saved(SavedModel(stored.document, stored.arrays))
    except (ConfigurationError, KeyError, TypeError) as error:
        raise CheckpointMismatchError(
            f"{str(path)!r} must describe a model that this version of flowmc knows; "
            f"it does not: {error} Load it with the version that wrote it."
        ) from error


def _variables(module: tf.Module) -> dict[str, tf.Variable]:
    found = module._flatten(
        predicate=lambda item: isinstance(item, tf.Variable), with_path=True
    )
    return {"/".join(str(part) for part in path): variable for path, variable in found}
