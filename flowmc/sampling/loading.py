"""`flowmc.load`: read a stored posterior; its model is rebuilt only if asked for."""

__all__ = ["load"]

import os
from typing import Any

from flowmc.core.records import SavedModel
from flowmc.results.posterior import Posterior
from flowmc.results.storage import load_posterior


def load(path: str | os.PathLike) -> Posterior:
    """Read a posterior written by `Posterior.save`.

    Args:
        path: The HDF5 file.

    Raises:
        CheckpointCorruptError: The file is damaged or no posterior.
    """
    return load_posterior(path, rebuild_model=_rebuild)


def _rebuild(saved: SavedModel) -> Any:
    # Here, so that reading draws does not start TensorFlow.
    from flowmc.models.saving import from_saved

    return from_saved(saved)
