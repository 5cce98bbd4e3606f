"""A posterior as GetDist's `MCSamples`."""

__all__ = ["to_getdist"]

from collections.abc import Mapping
from typing import Any

from flowmc.adapters.chain_rows import chain_rows
from flowmc.adapters.getdist_names import columns_of, sampler_kind
from flowmc.adapters.missing import missing_package
from flowmc.results.posterior import Posterior


def to_getdist(
    posterior: Posterior,
    *,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Any:
    """Return the draws as `getdist.MCSamples`, one chain of it for each of ours.

    It has weights (how often a draw is repeated), minus the log-density, labels, the
    hard ranges that the target has, and the derived quantities, marked as such. In
    names, a character that GetDist forbids (`*`, `?`, `#`, white space) becomes an
    underscore.

    Args:
        posterior: What to convert.
        label: What GetDist calls the draws in legends.
        settings: GetDist's own analysis settings.

    Raises:
        MissingDependencyError: GetDist is not installed.
    """
    try:
        from getdist import MCSamples
    except ImportError as error:
        raise missing_package("getdist", extra="getdist") from error
    columns, tables = columns_of(posterior), chain_rows(posterior)
    ranges = {
        column.name: [column.low, column.high, column.is_periodic]
        for column in columns
        if (column.low, column.high) != (None, None)
    }
    return MCSamples(
        samples=[table.values for table in tables],
        weights=[table.weight for table in tables],
        loglikes=[-table.log_prob for table in tables],
        names=[column.marked_name for column in columns],
        labels=[column.label for column in columns],
        ranges=ranges,
        sampler=sampler_kind(posterior),
        label=label,
        settings=None if settings is None else dict(settings),
    )
