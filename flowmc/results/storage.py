"""A posterior on disk and back, bit for bit; see `container` for the format.

Only arrays and JSON are written; the records are rebuilt by name here.  The function
that rebuilds the model is never stored: whoever loads the file supplies it.
"""

__all__ = ["load_posterior", "save_posterior", "window_record"]

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from flowmc.core.errors import CheckpointCorruptError, ConfigurationError
from flowmc.core.records import (
    Cost,
    History,
    SavedModel,
    WeightedDraws,
    WindowRecord,
)
from flowmc.results.container import read_container, write_container
from flowmc.results.diagnostics import Diagnostics
from flowmc.results.document import pack, unpack
from flowmc.results.files import PathLike
from flowmc.results.posterior import Posterior, WarmupDraws
from flowmc.results.verdict import Verdict

_KIND = "posterior"


def save_posterior(posterior: Posterior, path: PathLike) -> None:
    """Write `posterior` to the HDF5 file `path`, whole or not at all.

    Raises:
        ConfigurationError: `config` holds something that JSON has no form for.
        OutputWriteError: The disk refuses.
    """
    arrays: dict[str, Any] = {}
    document = {
        field.name: pack(getattr(posterior, field.name), arrays=arrays, name=field.name)
        for field in fields(posterior)
        if field.name != "rebuild_model"
    }
    write_container(path, kind=_KIND, arrays=arrays, document=document)


def load_posterior(
    path: PathLike, rebuild_model: Callable[[SavedModel], Any] | None = None
) -> Posterior:
    """Read the posterior at `path`.

    Args:
        path: A file of `save_posterior`.
        rebuild_model: Makes a model of a `SavedModel`; without it, `posterior.model`
            says how to load the file instead.

    Raises:
        MissingFileError: No file is there.
        CheckpointCorruptError: It is damaged, cut short, or not ours.
        CheckpointMismatchError: It is a checkpoint, or of a newer flowmc.
    """
    container = read_container(path, kind=_KIND)
    try:
        values = unpack(container.document, arrays=container.arrays)
        return Posterior(**_with_records(values), rebuild_model=rebuild_model)
    except (ConfigurationError, KeyError, TypeError) as error:
        raise CheckpointCorruptError(
            f"{str(path)!r} does not describe a posterior ({error}). Save it again "
            "with the flowmc that made it."
        ) from error


def _with_records(values: Mapping[str, Any]) -> dict[str, Any]:
    records = {
        "names": tuple(values["names"]),
        "labels": tuple(values["labels"]),
        "diagnostics": _diagnostics(values["diagnostics"]),
        "verdict": Verdict(**values["verdict"]),
        "weighted": _optional(WeightedDraws, values["weighted"]),
        "warmup": _optional(WarmupDraws, values["warmup"]),
        "evidence": {key: tuple(pair) for key, pair in values["evidence"].items()},
        "history": tuple(window_record(window) for window in values["history"]),
        "cost": Cost(**values["cost"]),
        "saved_model": _optional(SavedModel, values["saved_model"]),
    }
    return {**values, **records}


def _optional(record: type, values: Mapping[str, Any] | None) -> Any:
    return None if values is None else record(**values)


def _diagnostics(values: Mapping[str, Any]) -> Diagnostics:
    # Absent from files of earlier versions.
    examples = tuple(values.get("bad_values", ()))
    names = tuple(values["names"])
    return Diagnostics(**{**values, "names": names, "bad_values": examples})


def window_record(values: Mapping[str, Any]) -> WindowRecord:
    """Return the record of a window from its unpacked values."""
    notes, training = tuple(values["notes"]), values["training"]
    if training is not None:
        training = History(**{**training, "events": tuple(training["events"])})
    return WindowRecord(**{**values, "notes": notes, "training": training})
