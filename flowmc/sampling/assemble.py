"""Turn a finished run into a `Posterior`: theta, statistics, verdict, costs."""

__all__ = ["assemble"]

import time
from typing import Any

import numpy as np

from flowmc.kernels.change_of_variables import num_not_invertible
from flowmc.models.saving import from_saved, to_saved
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import PARETO_K_LIMIT, judge
from flowmc.sampling.columns import (
    cost_of,
    derived_of,
    domain_of,
    log_likelihood_of,
    theta_of,
    warmup_of,
    weighted_of,
)
from flowmc.sampling.engine import Engine
from flowmc.sampling.evidence import collect_evidence
from flowmc.sampling.latent import is_latent
from flowmc.sampling.mode_report import mode_report
from flowmc.sampling.reasons import log_q_and_why, settings_and_why
from flowmc.sampling.state import DrawChunk, RunState, join_chunks, spend
from flowmc.sampling.sweep import LOCAL
from flowmc.sampling.warmup import KERNEL_NAMES

NUM_ROUND_TRIPS = 512  # draws whose way to z and back is looked at
STATS = ("kernel", "is_accepted")
MOST_SCORED = 20_000  # draws whose log q is computed, or as many more as are cheap
SCORED_PER_PARAMETER = 2_000_000


def assemble(
    engine: Engine,
    state: RunState,
    *,
    num_draws: int | None,
    config: dict[str, Any],
    reasons: list[str],
) -> Posterior:
    """Build the posterior of a run that is done."""
    started, before = time.perf_counter(), engine.seconds
    space = engine.space
    chunk = join_chunks(state.draws)
    keep = min(num_draws, len(chunk.position)) if num_draws else len(chunk.position)
    theta, log_prob = theta_of(space, chunk, keep)
    evidences, stats = _evidence(engine, chunk, keep)
    diagnostics = compute_diagnostics(
        theta,
        log_prob,
        names=space.target.names,
        weighted_log_weight=chunk.proposal_log_weight,
        is_accepted=stats["is_accepted"],
        kernel=stats["kernel"],
        kernel_names=KERNEL_NAMES,
        num_bad_values=state.num_bad_values,
        problems=_problems(engine, state, chunk),
        num_local_steps=int(np.sum(chunk.kernel == LOCAL)) * engine.num_chains,
        mode_report=mode_report(engine, state, theta, log_prob),
        bad_values=state.bad_values,
    )
    return Posterior(
        theta=theta,
        log_prob=log_prob,
        names=space.target.names,
        labels=space.target.labels,
        diagnostics=diagnostics,
        verdict=judge(diagnostics, evidence=evidences, extra_reasons=reasons),
        log_likelihood=log_likelihood_of(space, theta, log_prob),
        weighted=weighted_of(space, chunk),
        warmup=warmup_of(space, state),
        derived=derived_of(space, theta),
        stats=stats,
        **_quoted(evidences, diagnostics.pareto_k),
        evidence=evidences,
        config=config | domain_of(space) | _pilot(engine, state, chunk.log_prob.size),
        history=state.history,
        cost=cost_of(spend(state, started, engine.seconds - before)),
        saved_model=to_saved(engine.learner.model),
        rebuild_model=from_saved,
    )


def _stats(chunk: DrawChunk, log_q: Any, keep: int) -> dict[str, np.ndarray]:
    """Return what is known of each draw; its weight where the proposal scores it."""
    stats = {name: getattr(chunk, name)[:keep] for name in STATS}
    if log_q is not None:
        stats["log_q"] = log_q[:keep]
        stats["log_weight"] = chunk.log_prob[:keep] - log_q[:keep]
    return stats


def _problems(engine: Engine, state: RunState, chunk: DrawChunk) -> dict[str, int]:
    """Return what the kernels counted, and how many draws the map does not return."""
    x = chunk.position.reshape(-1, engine.space.event_size)
    checked = x[:: max(1, len(x) // NUM_ROUND_TRIPS)]
    lost = num_not_invertible(engine.learner.model, checked)
    found = round(lost * len(x) / len(checked))
    return {**state.problems, "not_invertible": found}


def _evidence(
    engine: Engine, chunk: DrawChunk, keep: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the evidences by method, and what is known of each draw."""
    learner = engine.learner
    evidences, log_q = collect_evidence(
        chunk.position,
        chunk.log_prob,
        proposal_x=chunk.proposal,
        proposal_log_weight=chunk.proposal_log_weight,
        proposal=None if is_latent(learner.model) else learner.proposal,
        model=learner.model,
        max_draws=_most_scored(engine),
    )
    return evidences, _stats(chunk, log_q, keep)


def _quoted(evidences: dict[str, Any], pareto_k: float | None) -> dict[str, Any]:
    """Return the evidence to quote: where weights have no variance, the bridge's."""
    if not evidences:
        return {}
    is_sound = pareto_k is None or pareto_k <= PARETO_K_LIMIT
    order = ("importance", "bridge") if is_sound else ("bridge", "importance")
    method = next(name for name in (*order, *evidences) if name in evidences)
    value, error = evidences[method]
    return {"log_evidence": value, "log_evidence_error": error}


def _most_scored(engine: Engine) -> int:
    return max(MOST_SCORED, SCORED_PER_PARAMETER // engine.space.event_size)


def _pilot(engine: Engine, state: RunState, num_draws: int) -> dict[str, Any]:
    """Return the pilot's figures, and every setting with its reason."""
    reasons = settings_and_why(engine, state)
    reasons["log_q"] = log_q_and_why(engine, num_draws, most=_most_scored(engine))
    return {"pilot": {**state.pilot, "reasons": reasons}}
