"""`flowmc.log_evidence`: the evidence of a finished posterior, by a method of choice.

What the run has stored is used first; fresh independent draws of the frozen model are
scored by the target only where a method needs them.
"""

__all__ = ["log_evidence"]

from typing import Any, NamedTuple

import numpy as np

from flowmc import models
from flowmc.core.checks import check_choice, check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import fold_in, root_seed
from flowmc.results.posterior import Posterior
from flowmc.sampling.device import place
from flowmc.sampling.evidence import MAX_DRAWS, importance_evidence
from flowmc.sampling.evidence_bridge import bridge_evidence
from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.evidence_harmonic import Outside, harmonic_evidence
from flowmc.sampling.latent import is_latent
from flowmc.sampling.space import Space
from flowmc.targets.target import Target

METHODS = ("importance", "bridge", "harmonic")
NUM_FOR_TAILS = 2000
NUM_CHECKED = 8  # draws at which target and posterior are compared
TOLERANCE = 1e-2  # nats; a model of single precision may be off by as much
Value = tuple[float, float]


def log_evidence(
    posterior: Posterior,
    *,
    target: Target,
    method: str = "importance",
    num_proposals: int = 10_000,
    seed: Any = 0,
) -> Value | dict[str, Value]:
    """Return the log of the evidence and its standard error.

    Args:
        posterior: Draws, with the frozen model they were made with.
        target: The target they were drawn from.
        method: "importance", "bridge", "harmonic", or "all" for a dict of those that
            can be had.
        num_proposals: Fresh draws of the model to be scored by the target, where the
            run's own do not serve: "bridge" needs them, "importance" where the
            posterior has no weighted draws, "harmonic" where the target is zero
            somewhere inside its bounds.
        seed: Of the fresh draws.

    Returns:
        `(log Z, standard error)`, or method -> such a pair.

    Raises:
        ConfigurationError: Target and posterior do not fit together, the method is
            unknown, or it has nothing to go by.
        ModelError: The posterior has no model, or one without a density.
    """
    check_choice(method, name="method", choices=(*METHODS, "all"))
    check_positive_integer(num_proposals, name="num_proposals", minimum=2)
    _check_pair(posterior, target)
    with place("auto"):
        evidence = _Evidence(posterior, target, num_proposals, root_seed(seed))
        if method != "all":
            return _require(getattr(evidence, method)(), method)
        # A VAE scores no draw, so that there is nothing to bridge.
        skipped = ("bridge",) if is_latent(posterior.model) else ()
        found = {
            name: getattr(evidence, name)() for name in METHODS if name not in skipped
        }
    return {name: value for name, value in found.items() if value is not None}


class _Fresh(NamedTuple):
    """Independent draws of the frozen model, defended, and their scores."""

    x: np.ndarray  # [m, D]
    log_q: np.ndarray  # [m]
    log_weight: np.ndarray  # [m]
    proposal: Any


class _Evidence:
    """One posterior's evidence by each method; fresh draws are made once."""

    def __init__(
        self, posterior: Posterior, target: Target, num_proposals: int, seed: Any
    ) -> None:
        self._posterior = posterior
        self._space = Space(target)
        self._num_proposals, self._seed = num_proposals, seed
        self._made: _Fresh | None = None
        step = max(1, -(-posterior.log_prob.size // MAX_DRAWS))
        theta = posterior.theta[::step]
        x = self._space.from_theta(theta.reshape(-1, theta.shape[2]))
        log_det = self._space.to_theta(x)[1]
        self._x: np.ndarray = x.reshape(theta.shape)
        self._log_prob = posterior.log_prob[::step] + log_det.reshape(len(theta), -1)

    def importance(self) -> Value | None:
        weighted = self._posterior.weighted
        if weighted is None:
            return importance_evidence(self._fresh().log_weight)
        num_zero = weighted.num_proposals - len(weighted.log_weight)
        return importance_evidence(
            np.concatenate([weighted.log_weight, np.full(num_zero, -np.inf)])
        )

    def bridge(self) -> Value | None:
        fresh = self._fresh()
        flat = self._x.reshape(-1, self._space.event_size)
        (log_q,) = in_batches(fresh.proposal.log_prob, flat)
        log_ratio = self._log_prob - log_q.reshape(self._log_prob.shape)
        return bridge_evidence(log_ratio, fresh.log_weight)

    def harmonic(self) -> Value | None:
        model = self._posterior.model
        flow = None if is_latent(model) else model
        weighted, outside = self._posterior.weighted, None
        never_zero = (
            weighted is not None and len(weighted.log_weight) == weighted.num_proposals
        )
        if not never_zero and flow is not None:
            fresh = self._fresh()
            is_zero = np.isneginf(fresh.log_weight) & np.isfinite(fresh.x).all(axis=1)
            outside = Outside(fresh.x[is_zero], fresh.log_q[is_zero], len(is_zero))
        return harmonic_evidence(self._x, self._log_prob, flow, outside=outside)

    def _fresh(self) -> _Fresh:
        if self._made is None:
            self._made = self._draw()
        return self._made

    def _draw(self) -> _Fresh:
        proposal = models.defensive(self._posterior.model)
        # From the model's own draws: fitted to the posterior's, q would know of them.
        drawn = self._posterior.model.sample(
            NUM_FOR_TAILS, seed=fold_in(self._seed, "tails")
        ).numpy()
        proposal.fit_tails(drawn[np.isfinite(drawn).all(axis=1)])
        x, log_q = (
            tensor.numpy()
            for tensor in proposal.sample_and_log_prob(
                self._num_proposals, seed=fold_in(self._seed, "proposals")
            )
        )
        usable = np.isfinite(x).all(axis=1) & np.isfinite(log_q)
        theta, log_det = self._space.to_theta(x[usable])
        value = self._space.target.log_prob(theta)
        log_weight = np.full(len(x), -np.inf)
        # Far out the log-det may overflow; zero density stays zero.
        log_weight[usable] = np.where(
            np.isneginf(value), value, value + log_det - log_q[usable]
        )
        return _Fresh(x, log_q, log_weight, proposal)


def _require(value: Value | None, method: str) -> Value:
    if value is None:
        raise ConfigurationError(
            f"Evidence by `{method}` needs enough draws and a model that resembles the "
            "posterior; here it gives no value. Draw longer, train longer, or use "
            "another `method`."
        )
    return value


def _check_pair(posterior: Posterior, target: Target) -> None:
    for value, kind in ((posterior, Posterior), (target, Target)):
        if not isinstance(value, kind):
            raise ConfigurationError(
                f"`{kind.__name__.lower()}` must be a flowmc.{kind.__name__}; got "
                f"{type(value).__name__}."
            )
    if posterior.names != tuple(target.names):
        raise ConfigurationError(
            "Posterior and target must have the same parameters; the posterior's are "
            f"{posterior.names}, the target's {tuple(target.names)}. Pass the target "
            "that was sampled."
        )
    flat, log_prob = posterior.flat(), posterior.log_prob.ravel()
    chosen = np.unique(np.linspace(0, len(flat) - 1, NUM_CHECKED).astype(int))
    off = np.max(np.abs(target.log_prob(flat[chosen]) - log_prob[chosen]))
    if not off <= TOLERANCE + 1e-5 * np.max(np.abs(log_prob[chosen])):
        raise ConfigurationError(
            "`target` must have the log-density that was sampled; at the draws it "
            f"differs from the posterior's by up to {off:.3g}. Pass the same target."
        )
