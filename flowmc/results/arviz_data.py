"""Draws as ArviZ data: groups `posterior` and `sample_stats`, axes chain and draw.

Works with ArviZ 0.2x (InferenceData) and 1.x (xarray's DataTree); see `arviz_shim`.
Draws made while adapting are left out.
"""

__all__ = ["save_arviz", "to_arviz"]

import json
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.results.arviz_shim import groups_to_arviz
from flowmc.results.document import pack
from flowmc.results.files import PathLike, atomic_path
from flowmc.results.posterior import Posterior
from flowmc.results.versions import package_versions

_STAT_NAMES = {"is_accepted": "accepted", "log_prob": "lp"}
_AXES = {"chain", "draw"}


def to_arviz(posterior: Posterior) -> Any:
    """Return the draws, their statistics and the run's key figures.

    Variables have axes (chain, draw).  `sample_stats` holds `lp` (log-density),
    `log_likelihood` where known, and the posterior's `stats`, with `is_accepted` under
    ArviZ's usual name `accepted`.

    Raises:
        ConfigurationError: A parameter is called `chain` or `draw`.
        MissingDependencyError: ArviZ is not installed.
    """
    draws = {
        name: posterior.theta[:, :, index] for index, name in enumerate(posterior.names)
    }
    draws.update(posterior.derived)
    if clash := _AXES & draws.keys():
        raise ConfigurationError(
            "ArviZ keeps the names `chain` and `draw` for its axes; a parameter is "
            f"called {sorted(clash)[0]!r}. Rename it."
        )
    stats = {"lp": posterior.log_prob}
    if posterior.log_likelihood is not None:
        stats["log_likelihood"] = posterior.log_likelihood
    for name, values in posterior.stats.items():
        stats[_STAT_NAMES.get(name, name)] = _per_chain(values, posterior.num_chains)
    groups = {
        "posterior": {name: np.asarray(array).T for name, array in draws.items()},
        "sample_stats": {name: np.asarray(array).T for name, array in stats.items()},
    }
    return groups_to_arviz(groups, _attributes(posterior))


def save_arviz(posterior: Posterior, path: PathLike) -> None:
    """Write `to_arviz(posterior)` as netCDF to `path`, whole or not at all.

    Raises:
        OutputWriteError: The disk refuses.
    """
    data = to_arviz(posterior)
    with atomic_path(path) as temporary:
        data.to_netcdf(str(temporary), engine="h5netcdf")


def _per_chain(values: np.ndarray, num_chains: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim == 1:
        array = np.repeat(array[:, None], num_chains, axis=1)
    return array


def _attributes(posterior: Posterior) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "inference_library": "flowmc",
        "inference_library_version": package_versions()["flowmc"],
        "verdict": str(posterior.verdict),
        "log_prob_calls": posterior.cost.log_prob_calls,
        "gradient_calls": posterior.cost.gradient_calls,
        "config": json.dumps(pack(posterior.config, name="config")),
    }
    if "total" in posterior.cost.seconds:
        attributes["sampling_time"] = posterior.cost.seconds["total"]
    if posterior.log_evidence is not None:
        attributes["log_evidence"] = posterior.log_evidence
    if posterior.log_evidence_error is not None:
        attributes["log_evidence_error"] = posterior.log_evidence_error
    return attributes
