"""The verdict: may these draws be reported?  If not, why, and what helps.

Every reason says the rule, the value found, and a remedy.  A measure that does not
exist (NaN) never passes.  Thresholds: R-hat below 1.01 (of superchains where chains are
many and short, see `many_chains`) and at least 400 effective draws in bulk and tails
over all chains together (Vehtari et al. 2021); Pareto k at most 0.7 where nothing but
importance sampling gives the evidence (Vehtari et al. 2024).
"""

__all__ = ["Verdict", "judge", "steps_at_risk"]

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from flowmc.results.diagnostics import Diagnostics
from flowmc.results.mode_verdict import mode_reasons

R_HAT_LIMIT = 1.01
ESS_LIMIT = 400.0
PARETO_K_LIMIT = 0.7
EVIDENCE_SIGMAS = 4.0
EVIDENCE_TOLERANCE = 0.01  # nats: nobody's conclusion depends on less
STUCK_WEIGHT = 0.2  # standard errors that equal draws may move a mean, a sd away
PROBLEM_LIMIT = 0.01  # of the steps that can meet it
OF_LOCAL_STEPS = ("divergences", "nan_gradient")  # jumps follow no gradient
REMEDIES = {
    "nan_gradient": "gradients of the log-density were not finite. Look for sqrt, abs "
    "or where at the edge of a domain",
    "bad_proposals": "proposals of the model were not finite. Train longer, or use "
    "another family",
    "not_invertible": "points did not come back under the model's inverse. Use "
    'dtype="float64", or another family',
    "divergences": "trajectories diverged. Warm up longer for a smaller step size, or "
    "use a kernel without gradients",
}


@dataclass(frozen=True)
class Verdict:
    """Whether the draws may be reported.

    Attributes:
        ok: True if there is no reason against it.
        reasons: Sentences, each with rule, value and remedy.
        given: Those of `reasons` that whoever ran it gave, and that no look at the
            draws can tell; None where that was not kept.
    """

    ok: bool
    reasons: list[str] = field(default_factory=list)
    given: list[str] | None = None

    def __str__(self) -> str:
        if self.ok:
            return "Verdict: good. Every check passed."
        return "\n".join(["Verdict: not good.", *(f"- {r}" for r in self.reasons)])


def judge(
    diagnostics: Diagnostics,
    *,
    evidence: Mapping[str, tuple[float, float]] | None = None,
    extra_reasons: Iterable[str] = (),
    interrupted: bool = False,
) -> Verdict:
    """Judge a run.

    Args:
        diagnostics: Of its draws.
        evidence: Method -> (log evidence, standard error), as far as quoted.
        extra_reasons: Sentences of whoever ran it, such as modes not looked for.
        interrupted: Whether the run ended before its plan.
    """
    evidence = evidence or {}
    given = list(dict.fromkeys([*_interruption(interrupted), *extra_reasons]))
    reasons = [
        *given[: int(interrupted)],
        *_non_finite(diagnostics),
        *_convergence(diagnostics),
        *_acceptance(diagnostics),
        *_stuck(diagnostics),
        *_problems(diagnostics),
        *_weights(diagnostics, evidence),
        *_evidence(evidence, diagnostics.pareto_k),
        *mode_reasons(diagnostics.mode_report),
        *given,
    ]
    reasons = list(dict.fromkeys(reasons))
    return Verdict(ok=not reasons, reasons=reasons, given=given)


def stuck_limit(diagnostics: Diagnostics) -> float:
    """Return the longest run of equal draws that raises no alarm.

    Rejections alone make runs of about `log(N a) / -log(1 - a)` in N draws that move
    with probability a.  Three times that is allowed, or a tenth of a chain, or 10
    draws, or as many as move a mean by one Monte Carlo standard error if they stand
    five standard deviations away: whichever is most, but never more than half a chain.
    """
    rate, num_draws = diagnostics.move_rate, diagnostics.num_draws
    total = num_draws * diagnostics.num_chains
    expected = harmless = 0.0
    if 0.0 < rate < 1.0 and total * rate > 1.0:
        expected = math.log(total * rate) / -math.log1p(-rate)
    effective = float(np.max(diagnostics.ess_bulk, initial=ESS_LIMIT))
    if math.isfinite(effective):
        harmless = STUCK_WEIGHT * total / math.sqrt(effective)
    most = max(3.0 * expected, harmless, 0.1 * num_draws, 10.0)
    return min(most, 0.5 * num_draws)


def steps_at_risk(diagnostics: Diagnostics, problem: str) -> tuple[int, str]:
    """Return how many steps could meet a problem of the kernels, and their name."""
    is_local = problem in OF_LOCAL_STEPS
    if is_local and diagnostics.num_local_steps is not None:
        return diagnostics.num_local_steps, "local steps"
    return diagnostics.num_draws * diagnostics.num_chains, "draws"


def _jumps_reach(diagnostics: Diagnostics) -> bool:
    """Whether jumps, by the tail of their weights, go where trajectories diverge."""
    shape = diagnostics.pareto_k
    return shape is not None and shape <= PARETO_K_LIMIT


def _interruption(interrupted: bool) -> Iterator[str]:
    if interrupted:
        yield (
            "A run must reach its planned end; this one was interrupted. Resume it, "
            "or plan for fewer draws."
        )


def _non_finite(diagnostics: Diagnostics) -> Iterator[str]:
    if diagnostics.num_non_finite:
        yield (
            "Draws and their log-densities must be finite; "
            f"{diagnostics.num_non_finite} entries are not. Look for an overflow in "
            "the log-density."
        )


def _convergence(diagnostics: Diagnostics) -> Iterator[str]:
    names, r_hat = diagnostics.names, diagnostics.r_hat
    absent = np.isnan(r_hat)
    if absent.any():
        yield (
            "Every chain must move in every parameter; R-hat does not exist for "
            f"{_listed(names, absent)} (chains that stand still, or too few draws). "
            "Draw longer, or check that the log-density depends on them."
        )
    judged = diagnostics.judged_r_hat
    failing = judged >= R_HAT_LIMIT
    if failing.any():
        yield (
            f"R-hat must be below {R_HAT_LIMIT}; it is {np.nanmax(judged):.3f} at "
            f"worst ({_listed(names, failing)}). Draw longer, or warm up longer."
        )
    for kind, size in (("Bulk", diagnostics.ess_bulk), ("Tail", diagnostics.ess_tail)):
        failing = size < ESS_LIMIT
        if failing.any():
            yield (
                f"{kind} ESS must be at least {ESS_LIMIT:.0f}; it is "
                f"{np.nanmin(size):.0f} at worst ({_listed(names, failing)}). "
                "Draw longer: set `num_draws` or `target_ess` higher."
            )


def _acceptance(diagnostics: Diagnostics) -> Iterator[str]:
    for name, rate in diagnostics.acceptance.items():
        if not rate > 0.0:
            yield (
                f"Every kernel must be accepted now and then; `{name}` has an "
                f"acceptance of {rate:.3g}. Warm up longer, or leave it out."
            )


def _stuck(diagnostics: Diagnostics) -> Iterator[str]:
    limit, longest = stuck_limit(diagnostics), diagnostics.longest_stuck_run
    if longest > limit:
        yield (
            f"No chain may repeat one point for more than {limit:.0f} draws here; the "
            f"longest run is {longest}. The proposal misses a region of the target: "
            "give the local kernel a larger share, or warm up longer."
        )


def _problems(diagnostics: Diagnostics) -> Iterator[str]:
    for name, remedy in REMEDIES.items():
        count = diagnostics.problems.get(name, 0)
        num_steps, kind = steps_at_risk(diagnostics, name)
        if _jumps_reach(diagnostics):
            num_steps = diagnostics.num_draws * diagnostics.num_chains
            kind = "draws"
        if count > PROBLEM_LIMIT * num_steps:
            yield (
                f"At most {PROBLEM_LIMIT:.0%} of the steps may meet `{name}`; "
                f"{count} times in {num_steps} {kind} {remedy}."
            )


def _weights(diagnostics: Diagnostics, evidence: Mapping) -> Iterator[str]:
    if set(evidence) != {"importance"}:
        return  # not quoted, or confirmed by other methods
    shape = diagnostics.pareto_k
    if shape is not None and not shape <= PARETO_K_LIMIT:
        yield (
            f"Pareto k of the importance weights must be at most {PARETO_K_LIMIT} for "
            f"evidence by importance sampling; it is {shape:.2f}. Train longer, use a "
            "richer model, or quote another method."
        )


def _evidence(
    evidence: Mapping[str, tuple[float, float]], shape: float | None
) -> Iterator[str]:
    for method, (value, error) in evidence.items():
        if not (math.isfinite(value) and math.isfinite(error)):
            yield (
                f"Quoted evidence must be finite; `{method}` gives {value:.4g} +- "
                f"{error:.2g}. Draw longer, or quote another method."
            )
    compared = dict(evidence)
    if len(compared) > 2 and shape is not None and not shape <= PARETO_K_LIMIT:
        # Its standard error means nothing then, and two others remain to compare.
        compared.pop("importance", None)
    for (first, a), (second, b) in combinations(compared.items(), 2):
        allowed = EVIDENCE_SIGMAS * math.hypot(a[1], b[1])
        if abs(a[0] - b[0]) > max(allowed, EVIDENCE_TOLERANCE):
            yield (
                f"Evidences must agree within {EVIDENCE_SIGMAS:.0f} standard errors; "
                f"`{first}` gives {a[0]:.3f} +- {a[1]:.3f}, `{second}` {b[0]:.3f} +- "
                f"{b[1]:.3f}. Draw longer, and look for a mode that one of them misses."
            )


def _listed(names: Sequence[str], chosen: np.ndarray) -> str:
    found = [f"`{name}`" for name, yes in zip(names, chosen, strict=True) if yes]
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return ", ".join(found[:4]) + more
