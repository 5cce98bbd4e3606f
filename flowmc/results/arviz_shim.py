"""The few ArviZ functions we use, under one signature for ArviZ 0.2x and 1.x.

Between the two, `psislw` moved and took the opposite sign, `ess(method="tail")` lost
its default, and `from_dict` takes one nested mapping; each difference is met here,
by version number, and nowhere else.  ArviZ is slow to import: only these load it.
"""

__all__ = ["ess", "groups_to_arviz", "import_arviz", "psis_shape", "r_hat"]

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from flowmc.core.errors import MissingDependencyError

_TAIL = (0.05, 0.95)


@cache
def import_arviz() -> Any:
    """Return the module `arviz`, without the notices it shows when loaded.

    Raises:
        MissingDependencyError: ArviZ is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import arviz
    except ImportError as error:
        raise MissingDependencyError(
            "Convergence diagnostics need the package arviz, which is not installed. "
            "Install it: pip install arviz"
        ) from error
    return arviz


def r_hat(draws: np.ndarray) -> float:
    """Return the rank-normalized split R-hat of `draws` `[num_chains, num_draws]`."""
    return float(import_arviz().rhat(draws, method="rank"))


def ess(draws: np.ndarray, *, method: str) -> float:
    """Return the "bulk", "tail" or "mean" ESS of `draws` `[num_chains, num_draws]`."""
    options = {"prob": _TAIL} if method == "tail" else {}
    return float(import_arviz().ess(draws, method=method, **options))


def psis_shape(log_weight: np.ndarray) -> float:
    """Return the Pareto shape k of the upper tail of weights `[n]`, given as logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _major() < 1:
            return float(import_arviz().psislw(log_weight)[1])
        from arviz_stats.base import array_stats

        # Version 1 expects log-likelihoods: the reciprocal of a weight.
        return float(array_stats.psislw(-log_weight)[1])


def groups_to_arviz(
    groups: Mapping[str, Mapping[str, np.ndarray]],
    attributes: Mapping[str, Any],
    *,
    flags: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Return groups of variables `[chain, draw]` as InferenceData, or DataTree (1.x).

    Args:
        groups: Group -> variable -> array.
        attributes: Attached to the group `posterior`.
        flags: Integer variable -> the words its values 0, 1, ... stand for, attached
            to it as the CF conventions have it (`flag_values`, `flag_meanings`).
    """
    data = _from_dict(groups, attributes)
    for name, meanings in (flags or {}).items():
        for group in groups:
            if name in groups[group]:
                notes = {
                    "flag_values": np.arange(len(meanings)),
                    "flag_meanings": " ".join(meanings),
                }
                data[group][name].attrs.update(notes)
    return data


def _from_dict(groups: Mapping[str, Any], attributes: Mapping[str, Any]) -> Any:
    arviz = import_arviz()
    with warnings.catch_warnings():
        # Many short chains are our usual case; ArviZ suspects swapped axes.
        warnings.simplefilter("ignore")
        if _major() < 1:
            own = {"save_warmup": True, "posterior_attrs": dict(attributes)}
            return arviz.from_dict(**groups, **own)
        own = {"save_warmup": True, "attrs": {"posterior": dict(attributes)}}
        return arviz.from_dict(groups, **own)


def _major() -> int:
    return int(metadata.version("arviz").split(".")[0])
