"""A second look at draws: diagnostics anew, the verdict, and findings in sentences.

For a stored posterior the statistics are computed from its draws again and judged by
the present rules; what only the run itself knew (kernels' counts, the search for modes,
reasons it gave) is taken over.  `flowmc.diagnose` adds checks that need the target.
"""

__all__ = ["Diagnosis", "diagnose_draws", "diagnose_posterior", "findings"]

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowmc.results.diagnostics import Diagnostics, compute_diagnostics
from flowmc.results.mode_verdict import mode_rows
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import (
    R_HAT_LIMIT,
    Verdict,
    judge,
    steps_at_risk,
    stuck_limit,
)
from flowmc.results.weighted_statistics import for_weighted


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What `flowmc.diagnose` found; `str()` tells it in sentences.

    Attributes:
        diagnostics: Computed from the draws.
        verdict: Whether the draws may be reported, and what to do if not.
        findings: Sentences on everything that was looked at.
    """

    diagnostics: Diagnostics
    verdict: Verdict
    findings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the draws may be reported."""
        return self.verdict.ok

    @property
    def reasons(self) -> list[str]:
        """Reasons against it, with rule, value found and remedy."""
        return self.verdict.reasons

    def __str__(self) -> str:
        sentences = [f"- {sentence}" for sentence in self.findings]
        return "\n".join([str(self.verdict), "Looked at:", *sentences])

    __repr__ = __str__


def diagnose_draws(
    theta: np.ndarray,
    *,
    names: Sequence[str] = (),
    extra_reasons: Iterable[str] = (),
    extra_findings: Iterable[str] = (),
) -> Diagnosis:
    """Judge draws made by whatever sampler.

    Args:
        theta: `[num_draws, num_chains, D]`, chains that were started independently.
        names: Parameter names.
        extra_reasons: Reasons of checks made elsewhere.
        extra_findings: Sentences on those checks.

    Raises:
        ConfigurationError: `theta` has another shape.
    """
    diagnostics = compute_diagnostics(theta, names=names)
    verdict = judge(diagnostics, extra_reasons=extra_reasons)
    return Diagnosis(diagnostics, verdict, (*findings(diagnostics), *extra_findings))


def diagnose_posterior(
    posterior: Posterior,
    *,
    extra_reasons: Iterable[str] = (),
    extra_findings: Iterable[str] = (),
) -> Diagnosis:
    """Judge a stored posterior again; the arguments are those of `diagnose_draws`."""
    before, weighted = posterior.diagnostics, posterior.weighted
    diagnostics = compute_diagnostics(
        posterior.theta,
        posterior.log_prob,
        names=posterior.names,
        weighted_log_weight=None if weighted is None else weighted.log_weight,
        acceptance=before.acceptance,
        num_bad_values=before.num_bad_values,
        problems=before.problems,
        num_local_steps=before.num_local_steps,
        mode_report=before.mode_report,
        bad_values=before.bad_values,
    )
    if weighted is not None and posterior.config.get("sampler") == "smc":
        diagnostics = for_weighted(diagnostics, weighted.theta, weighted.log_weight)
    verdict = judge(
        diagnostics,
        evidence=posterior.evidence,
        extra_reasons=(*_given(posterior.verdict, diagnostics), *extra_reasons),
    )
    told = findings(diagnostics, by_weight=posterior.is_by_weight)
    return Diagnosis(diagnostics, verdict, (*told, *extra_findings))


def _given(verdict: Verdict, diagnostics: Diagnostics) -> list[str]:
    """Return the reasons that only the run knew."""
    if verdict.given is not None:
        return verdict.given
    # Older files do not keep them apart: all but those that the draws tell again.
    anew = {_rule(reason) for reason in judge(diagnostics).reasons}
    return [reason for reason in verdict.reasons if _rule(reason) not in anew]


def _rule(reason: str) -> str:
    return reason.partition(";")[0]


def findings(diagnostics: Diagnostics, *, by_weight: bool = False) -> tuple[str, ...]:
    """Return what the diagnostics show, good or bad, in sentences.

    Args:
        diagnostics: Of the draws.
        by_weight: Whether these were chosen by weight and are of no chain.
    """
    modes = mode_rows(diagnostics.mode_report)
    return (
        *_convergence(diagnostics, by_weight),
        *_moves(diagnostics),
        *_counts(diagnostics),
        *_weights(diagnostics),
        *(f"{title[:1].upper()}{title[1:]}: {text}" for title, text in modes),
    )


def _convergence(found: Diagnostics, by_weight: bool) -> Iterator[str]:
    origin = f"in each of {found.num_chains} chains"
    draws = f"{found.num_draws:,} draws {'by weight' if by_weight else origin}"
    yield f"{draws}, {len(found.names)} parameters."
    index = _worst(-found.r_hat)
    plain, judged = found.r_hat[index], found.judged_r_hat[index]
    text = f"R-hat is {plain:.4f} at worst ({found.names[index]})"
    if judged < R_HAT_LIMIT <= plain:
        text += (
            ", which chains this short show even if they agree; superchains of those "
            f"that began alike give {judged:.4f}"
        )
    yield f"{text}."
    for kind, size in (("Bulk", found.ess_bulk), ("Tail", found.ess_tail)):
        index = _worst(size)
        yield f"{kind} ESS is {size[index]:,.0f} at worst ({found.names[index]})."


def _moves(found: Diagnostics) -> Iterator[str]:
    yield (
        "The most draws in a row at one point of any chain are "
        f"{found.longest_stuck_run}; up to {stuck_limit(found):.0f} raise no alarm."
    )
    for kernel, rate in found.acceptance.items():
        yield f"Acceptance of {kernel} is {100.0 * rate:.1f} %."


def _counts(found: Diagnostics) -> Iterator[str]:
    if found.num_non_finite:
        yield f"{found.num_non_finite} entries among the draws are not finite."
    for name, count in found.problems.items():
        num_steps, kind = steps_at_risk(found, name)
        title = name.replace("_", " ").capitalize()
        yield f"{title}: {count:,} in {num_steps:,} {kind} after warm-up."
    if found.num_bad_values or found.bad_values:
        text = f"The target gave {found.num_bad_values:,} bad values, rejected as asked"
        yield f"{text}{_where(found.bad_values)}."


def _where(points: Sequence[Any]) -> str:
    shown = [
        "(" + ", ".join(f"{name}={value:.6g}" for name, value in point.items()) + ")"
        for point in points[:3]
    ]
    return f", such as at {'; '.join(shown)}" if shown else ""


def _weights(found: Diagnostics) -> Iterator[str]:
    if found.pareto_k is not None and found.importance_ess is not None:
        yield (
            f"The scored proposals weigh as much as {found.importance_ess:,.0f} "
            f"independent draws; Pareto k of their weights is {found.pareto_k:.2f} "
            "(trusted up to 0.7)."
        )


def _worst(values: np.ndarray) -> int:
    return int(np.argmin(np.where(np.isnan(values), -np.inf, values)))
