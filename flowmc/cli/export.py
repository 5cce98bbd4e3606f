"""A posterior for other programs: ArviZ netCDF, GetDist chains, CSV."""

__all__ = ["FORMATS", "export_posterior"]

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowmc.core.checks import check_choice


def export_posterior(posterior: Any, *, form: str, folder: Path) -> list[Path]:
    """Write `posterior` into `folder` in the format `form`.

    Args:
        posterior: The `flowmc.Posterior`.
        form: One of `FORMATS`: "arviz" (posterior.nc), "getdist" (text files in
            chains/, one a chain, with names, ranges and properties) or "csv"
            (posterior.csv).
        folder: Existing folder.

    Returns:
        The files written.
    """
    check_choice(form, name="--to", choices=FORMATS)
    return FORMATS[form](posterior, folder)


def _export_arviz(posterior: Any, folder: Path) -> list[Path]:
    from flowmc.results.arviz_data import save_arviz

    path = folder / "posterior.nc"
    save_arviz(posterior, path)
    return [path]


def _export_csv(posterior: Any, folder: Path) -> list[Path]:
    from flowmc.results.files import atomic_path

    path = folder / "posterior.csv"
    header = ["chain", "draw", *posterior.names, *posterior.derived, "log_prob"]
    with atomic_path(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for chain, columns in enumerate(_chains(posterior)):
            # repr of a float64 reads back as the same number
            rows = np.column_stack(columns).tolist()
            writer.writerows([chain, draw, *row] for draw, row in enumerate(rows))
    return [path]


def _export_getdist(posterior: Any, folder: Path) -> list[Path]:
    from flowmc.adapters import getdist_names as names
    from flowmc.adapters.chain_rows import chain_rows
    from flowmc.results.files import atomic_path, atomic_write

    chains = folder / "chains"
    chains.mkdir(exist_ok=True)
    root, columns = chains / "posterior", names.columns_of(posterior)
    texts = {
        "paramnames": names.paramnames_text(columns),
        "ranges": names.ranges_text(columns),
        "properties.ini": names.properties_text(posterior),
    }
    written = [Path(f"{root}.{ending}") for ending in texts]
    for path, text in zip(written, texts.values(), strict=True):
        atomic_write(path, text.encode())
    for chain, rows in enumerate(chain_rows(posterior)):
        # Weight, minus log posterior, parameters.
        table = np.column_stack([rows.weight, -rows.log_prob, rows.values])
        path = Path(f"{root}_{chain + 1}.txt")
        with atomic_path(path) as temporary:
            np.savetxt(temporary, table, fmt="%.17g")
        written.append(path)
    return written


def _chains(posterior: Any) -> Iterator[list[np.ndarray]]:
    for chain in range(posterior.num_chains):
        parameters = list(posterior.theta[:, chain].T)
        derived = [np.asarray(x)[:, chain] for x in posterior.derived.values()]
        yield [*parameters, *derived, posterior.log_prob[:, chain]]


FORMATS: dict[str, Callable[[Any, Path], list[Path]]] = {
    "arviz": _export_arviz,
    "getdist": _export_getdist,
    "csv": _export_csv,
}
