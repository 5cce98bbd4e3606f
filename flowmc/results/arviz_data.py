"""Draws as ArviZ data: groups `posterior` and `sample_stats`, axes chain and draw.

Works with ArviZ 0.2x (InferenceData) and 1.x (xarray's DataTree); see `arviz_shim`.
Draws made while adapting are left out, or, on request, put into ArviZ's groups
`warmup_posterior` and `warmup_sample_stats`.  `phase` marks both kinds.
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
_PHASES = ("warmup", "production")


def to_arviz(posterior: Posterior, *, warmup: bool = False) -> Any:
    """Return the draws, their statistics and the run's key figures.

    Variables have axes (chain, draw).  `sample_stats` holds `lp` (log-density),
    `log_likelihood` where known, `phase`, and the posterior's `stats`: `kernel`,
    `accepted` (ArviZ's usual name for `is_accepted`), `log_q`, `log_weight`.

    Args:
        posterior: What to convert.
        warmup: Add the draws made while adapting, each with its `window`: the index
            into `posterior.history`.  They are *not* draws of the posterior.

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
    stats["phase"] = _constant(1, posterior.log_prob.shape)
    groups = {"posterior": draws, "sample_stats": stats}
    if warmup:
        groups.update(_warmup_groups(posterior))
    flags = {"phase": _PHASES, "kernel": posterior.config.get("kernel_names", ())}
    return groups_to_arviz(
        {
            group: {name: np.asarray(array).T for name, array in variables.items()}
            for group, variables in groups.items()
        },
        _attributes(posterior),
        flags={name: words for name, words in flags.items() if words},
    )


def _warmup_groups(posterior: Posterior) -> dict[str, dict[str, np.ndarray]]:
    found = posterior.warmup
    if found is None:
        return {}
    shape = found.log_prob.shape
    stats = {"lp": found.log_prob, "phase": _constant(0, shape)}
    if found.window is not None:
        stats["window"] = _per_chain(found.window, shape[1])
    draws = {
        name: found.theta[:, :, index] for index, name in enumerate(posterior.names)
    }
    return {"warmup_posterior": draws, "warmup_sample_stats": stats}


def _constant(value: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, value, dtype=np.int8)


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
