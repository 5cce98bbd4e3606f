"""`flowmc.diagnose`: judge draws again, and check them against a target and a model.

Draws without a target show whether chains agree; with it, whether they belong to it;
with a model, whether that model covers them.
"""

__all__ = ["diagnose"]

from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.results.diagnosis import Diagnosis, diagnose_draws, diagnose_posterior
from flowmc.results.importance import pareto_shape
from flowmc.results.posterior import Posterior

NUM_CHECKED = 200  # draws whose log-density is computed again
NUM_SCORED = 4000  # draws that the model scores
RELATIVE_TOLERANCE = 1e-5  # of float32 targets
ABSOLUTE_TOLERANCE = 1e-3
UNSEEN_FACTOR = 1e4  # below the typical ratio of model and target: never proposed
SHAPE_LIMIT = 0.7


def diagnose(
    posterior_or_draws: Any, *, target: Any = None, model: Any = None
) -> Diagnosis:
    """Say whether draws may be reported, why not, and what to do.

    Args:
        posterior_or_draws: A `flowmc.Posterior`, which is judged again, or draws
            `[num_draws, num_chains, D]` of any sampler.
        target: A `flowmc.Target`: its log-density is computed again at 200 draws and
            compared with what the posterior holds.
        model: A density with `log_prob`, such as `posterior.model`: how well it covers
            the draws.  It is a density of the target's unbounded coordinates, as every
            model of a run is; without `target`, of the draws as they are.

    Returns:
        `.verdict`, `.diagnostics` and `.findings`; printed, it is sentences.

    Raises:
        ConfigurationError: Shapes that do not fit, or a model with draws of which
            neither a posterior nor a target knows the log-density.
        ModelError: The model has no density.
    """
    is_posterior = isinstance(posterior_or_draws, Posterior)
    source = posterior_or_draws
    theta = source.theta if is_posterior else np.asarray(source, dtype=np.float64)
    _check_shapes(theta, target)
    log_prob = source.log_prob if is_posterior else None
    reasons: list[str] = []
    notes: list[str] = []
    if target is not None:
        _check_target(theta, log_prob, target, reasons, notes)
    if model is not None:
        notes += _cover(theta, log_prob, target, model)
    if is_posterior:
        return diagnose_posterior(source, extra_reasons=reasons, extra_findings=notes)
    names = () if target is None else target.names
    return diagnose_draws(
        theta, names=names, extra_reasons=reasons, extra_findings=notes
    )


def _check_shapes(theta: np.ndarray, target: Any) -> None:
    if theta.ndim != 3 or not theta.size:
        raise ConfigurationError(
            "Draws must have shape [num_draws, num_chains, D]; got "
            f"{list(theta.shape)}. Add the axis of chains, of length 1 if need be."
        )
    if target is not None and target.event_size != theta.shape[2]:
        raise ConfigurationError(
            f"`target` must have as many parameters as the draws, {theta.shape[2]}; "
            f"it has {target.event_size}. Pass the target of these draws."
        )


def _some(num_rows: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, num_rows - 1, min(count, num_rows)).astype(int))


def _check_target(
    theta: np.ndarray,
    log_prob: np.ndarray | None,
    target: Any,
    reasons: list[str],
    notes: list[str],
) -> None:
    """Compute log-densities again; add what is wrong, or that nothing is."""
    flat = theta.reshape(-1, theta.shape[2])
    chosen = _some(len(flat), NUM_CHECKED)
    again = np.asarray(target.log_prob(flat[chosen]))
    if absent := int(np.sum(again == -np.inf)):
        reasons.append(
            f"The target must be positive at every draw; at {absent} of {len(chosen)} "
            "it is zero. These are not draws of this target: check its bounds, prior "
            "and data."
        )
    if log_prob is None:
        inside = len(chosen) - absent
        notes.append(f"The target is positive at {inside} of {len(chosen)} draws.")
        return
    stored = log_prob.reshape(-1)[chosen]
    is_finite = np.isfinite(again) & np.isfinite(stored)
    difference = (again - stored)[is_finite]
    allowed = ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * np.abs(stored[is_finite])
    count = int(np.sum(np.abs(difference) > allowed))
    if not count:
        notes.append(
            f"The target gives the stored log-density at {len(difference)} draws."
        )
        return
    shift = float(np.median(difference))
    if np.all(np.abs(difference - shift) <= allowed):
        reasons.append(
            "The target must give the stored log-densities; it differs by the constant "
            f"{shift:.6g}. The draws are right but the evidence is not: use the "
            "normalization of the run, or run again."
        )
        return
    reasons.append(
        f"The target must give the stored log-densities; it does not at {count} of "
        f"{len(difference)} draws, by up to {np.max(np.abs(difference)):.4g}. The "
        "function, its data or its random numbers have changed: run again."
    )


def _cover(
    theta: np.ndarray, log_prob: np.ndarray | None, target: Any, model: Any
) -> list[str]:
    """Return how well `model` covers the draws."""
    if not hasattr(model, "log_prob"):
        raise ModelError(
            "Only a model with a density can be held against draws; "
            f"{type(model).__name__} has no `log_prob`. Leave `model` out."
        )
    flat = theta.reshape(-1, theta.shape[2])
    chosen = _some(len(flat), NUM_SCORED)
    if log_prob is not None:
        log_target = log_prob.reshape(-1)[chosen]
    elif target is not None:
        log_target = np.asarray(target.log_prob(flat[chosen]))
    else:
        raise ConfigurationError(
            "A model is held against the density of the draws, which an array does not "
            "carry. Pass `target` too."
        )
    x, log_det = _unbounded(flat[chosen], target)
    log_ratio = log_target + log_det - np.asarray(model.log_prob(x), dtype=np.float64)
    return _told(log_ratio)


def _unbounded(theta: np.ndarray, target: Any) -> tuple[np.ndarray, np.ndarray]:
    if target is None:
        return theta, np.zeros(len(theta))
    from flowmc.sampling.space import Space

    space = Space(target)
    x = space.from_theta(theta)
    return x, space.to_theta(x)[1]


def _told(log_ratio: np.ndarray) -> list[str]:
    is_seen = np.isfinite(log_ratio)
    if not is_seen.any():
        return [
            "The model gives none of the draws a density: it is of other coordinates, "
            "or was not trained on these. Pass `target` along with it."
        ]
    above = np.where(is_seen, log_ratio, np.inf) - np.median(log_ratio[is_seen])
    unseen = float(np.mean(above > np.log(UNSEEN_FACTOR)))
    told = [
        f"The model gives {100.0 * unseen:.2g} % of {len(log_ratio)} draws next to no "
        "density."
        + (" It misses a region: train it on these draws." if unseen > 0.0 else "")
    ]
    # Tails of pi/q decay with the index 1/k under q, and with 1/k - 1 under pi.
    shape = pareto_shape(log_ratio)
    if shape == shape:
        shape = shape / (1.0 + max(shape, -0.5))
        judged = (
            "it can serve as importance proposal"
            if shape <= SHAPE_LIMIT
            else "too large for importance sampling. Train longer, or use a richer "
            "model"
        )
        told.append(f"Pareto k of target over model is {shape:.2f}: {judged}.")
    return told
