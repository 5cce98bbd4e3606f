"""Turn a finished `sample_smc` run into a `Posterior`: resampled, weighted, judged."""

__all__ = ["assemble_smc"]

import time
from typing import Any

import numpy as np

from flowmc.core.errors import InitialPositionError
from flowmc.core.seeds import fold_in, generator
from flowmc.models.saving import from_saved, to_saved
from flowmc.results.diagnostics import Diagnostics, compute_diagnostics
from flowmc.results.modes import find_modes
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import judge
from flowmc.results.weighted_statistics import for_weighted
from flowmc.sampling.columns import (
    cost_of,
    derived_of,
    domain_of,
    log_likelihood_of,
    warmup_of,
    weighted_of,
)
from flowmc.sampling.engine import Engine
from flowmc.sampling.evidence import importance_evidence
from flowmc.sampling.ladder import ladder_error
from flowmc.sampling.smc_checks import reasons_against
from flowmc.sampling.smc_draw import weights_so_far
from flowmc.sampling.state import RunState, join_chunks, spend
from flowmc.sampling.temper import systematic_resample


def assemble_smc(
    engine: Engine,
    state: RunState,
    *,
    num_draws: int,
    config: dict[str, Any],
    reasons: list[str],
) -> Posterior:
    """Build the posterior of a run that is done.

    Raises:
        InitialPositionError: No draw of the proposal has any density.
    """
    started, before = time.perf_counter(), engine.seconds
    space, chunk = engine.space, join_chunks(state.draws)
    log_weight = weights_so_far(state)
    chosen = _resample(engine, log_weight, num_draws)
    theta, log_det = space.to_theta(chunk.proposal[chosen])
    theta, log_prob = theta[:, None], (chunk.log_prob[chosen, 0] - log_det)[:, None]
    weighted = weighted_of(space, chunk)
    diagnostics = _diagnostics(engine, state, theta, log_prob, weighted)
    evidence = _evidence(state, log_weight)
    reasons = [*reasons, *reasons_against(engine, state)]
    value, error = evidence.get("importance", (None, None))
    return Posterior(
        theta=theta,
        log_prob=log_prob,
        names=space.target.names,
        labels=space.target.labels,
        diagnostics=diagnostics,
        verdict=judge(
            diagnostics, evidence=_contested(evidence), extra_reasons=reasons
        ),
        log_likelihood=log_likelihood_of(space, theta, log_prob),
        weighted=weighted,
        warmup=warmup_of(space, state),
        derived=derived_of(space, theta),
        stats={"log_weight": log_weight[chosen][:, None]},
        log_evidence=value,
        log_evidence_error=error,
        evidence=evidence,
        config=config | domain_of(space) | _pilot(engine, state, log_weight),
        history=state.history,
        cost=cost_of(spend(state, started, engine.seconds - before)),
        saved_model=to_saved(engine.learner.model),
        rebuild_model=from_saved,
    )


def _diagnostics(engine, state: RunState, theta, log_prob, weighted) -> Diagnostics:
    """Return the diagnostics of the resampled draws, sized by the weighted ones."""
    found = compute_diagnostics(
        theta,
        log_prob,
        names=engine.space.target.names,
        weighted_log_weight=weighted.log_weight,
        acceptance=_acceptance(state),
        num_bad_values=state.num_bad_values,
        bad_values=state.bad_values,
        mode_report=_mode_report(engine, state, theta, log_prob),
    )
    return for_weighted(found, weighted.theta, weighted.log_weight)


def _resample(engine: Engine, log_weight: np.ndarray, num_draws: int) -> np.ndarray:
    """Return the numbers of draws of equal weight, in random order."""
    if not np.isfinite(log_weight).any():
        raise InitialPositionError(
            "Some draw of the proposal must have a density; none of "
            f"{len(log_weight)} had. Raise `max_evaluations`, or check the prior."
        )
    random = generator(fold_in(engine.seed, "equal weights"))
    chosen = systematic_resample(log_weight, random=random, n=num_draws)
    return random.permutation(chosen)


def _evidence(state: RunState, log_weight: np.ndarray) -> dict[str, Any]:
    """Return the evidences: of the frozen proposal, and of the ladder if it ended."""
    found = {"importance": importance_evidence(log_weight)}
    if state.scalars["inverse_temperature"] >= 1.0:
        value = float(state.scalars["log_evidence"])
        found["smc"] = (value, ladder_error(state.history))
    return {name: pair for name, pair in found.items() if pair is not None}


def _contested(evidence: dict[str, Any]) -> dict[str, Any]:
    """Return the evidences that can speak against one another.

    Fresh draws of a frozen proposal can miss mass, and cannot invent it: where the
    ladder found less than they did, it is the ladder that lost it on the way.
    """
    importance, ladder = evidence.get("importance"), evidence.get("smc")
    if importance and ladder and ladder[0] < importance[0]:
        return {"importance": importance}
    return evidence


def _acceptance(state: RunState) -> dict[str, float]:
    """Return the acceptance of the last sweeps at the target."""
    swept = [w for w in state.history if w.name.startswith("refine") and w.acceptance]
    return dict(swept[-1].acceptance) if swept else {}


def _mode_report(engine: Engine, state: RunState, theta, log_prob) -> dict[str, Any]:
    found = find_modes(theta, log_prob=log_prob)
    reached = state.scalars["inverse_temperature"]
    way = "to the target" if reached >= 1.0 else f"to inverse temperature {reached:.2g}"
    report = {
        "search": f"particles annealed from the whole reference {way}",
        "particles": engine.num_chains * engine.draws_per_sweep(state),
        "temperatures": sum(w.name.startswith("temperature") for w in state.history),
        "num_modes": int(found.num_modes),
        "mode_weights": [float(weight) for weight in found.weights],
        "transitions": int(found.transitions),
    }
    if engine.space.target.notes:
        report["notes"] = " ".join(engine.space.target.notes)
    return report


def _pilot(engine: Engine, state: RunState, log_weight: np.ndarray) -> dict[str, Any]:
    """Return the figures of the report, and every setting with its reason."""
    chains, states = engine.num_chains, engine.draws_per_sweep(state)
    num_jumps = engine.schedule.num_jumps
    reasons = {
        "particles": (
            f"{chains * states}: the states of {chains} chains at one temperature, all "
            "of which are kept and weighted"
        ),
        "kernel": f"{engine.kernel}: local steps beside the jumps",
        "num_jumps": f"{num_jumps}: of a sweep, drawn and evaluated in one batch",
        "proposal": f"{engine.learner.model.name}: with heavy tails, frozen",
    }
    return {"pilot": {"num_weighted": len(log_weight), "reasons": reasons}}
