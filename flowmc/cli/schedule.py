"""The table [sample.schedule] as the sampler's own record of settings."""

__all__ = ["build_record", "build_schedule"]

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from flowmc.cli.config_errors import nearest
from flowmc.core.errors import ConfigurationError


def build_schedule(table: Mapping[str, Any], *, sampler: str = "mcmc") -> Any:
    """Return the `Schedule` that `table` describes; keys left out keep their default.

    Args:
        table: Of the file.
        sampler: "mcmc" or "smc", whose defaults differ.

    Raises:
        ConfigurationError: Names the key, such as `sample.schedule.train.patience`.
    """
    from flowmc.sampling.settings import Schedule, smc_schedule

    defaults = smc_schedule() if sampler == "smc" else Schedule()
    return build_record(defaults, table, path="sample.schedule")


def build_record(defaults: Any, table: Mapping[str, Any], *, path: str) -> Any:
    """Return the dataclass `defaults` with plain values of the same types put in."""
    known = [field.name for field in fields(defaults)]
    values = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigurationError(
                f"`{path}.{key}` is not a known key{nearest(key, known) or '.'} "
                f"Known keys: {', '.join(known)}."
            )
        values[key] = _cast(value, getattr(defaults, key), path=f"{path}.{key}")
    return replace(defaults, **values)


def _cast(value: Any, default: Any, *, path: str) -> Any:
    if is_dataclass(default) and not isinstance(default, type):
        if isinstance(value, Mapping):
            return build_record(default, value, path=path)
        wanted = "a table"
    elif isinstance(default, tuple):
        if isinstance(value, list | tuple):
            example = default[0] if default else None
            return tuple(_cast(item, example, path=path) for item in value)
        wanted = "a list"
    elif default is None or type(value) is type(default):
        return value
    elif isinstance(default, float) and type(value) is int:
        return float(value)
    else:
        wanted = {int: "an integer", float: "a number", bool: "true or false"}.get(
            type(default), "text"
        )
    raise ConfigurationError(f"`{path}` must be {wanted}; got {value!r}.")
