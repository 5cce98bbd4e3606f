"""A result as one JSON document, for programs that call `flowmc run --json`."""

__all__ = ["result_document", "write_json"]

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def result_document(
    posterior: Any, *, path: Path, files: Sequence[Path], code: int
) -> dict[str, Any]:
    """Return what `flowmc run` found as plain values; a missing number is None."""
    from flowmc.results.ledger import efficiency

    diagnostics = posterior.diagnostics
    document = {
        "exit_code": code,
        "verdict": {
            "ok": posterior.verdict.ok,
            "reasons": list(posterior.verdict.reasons),
        },
        "summary": posterior.summary().to_dict(),
        "log_evidence": posterior.log_evidence,
        "log_evidence_error": posterior.log_evidence_error,
        "evidence": posterior.evidence,
        "acceptance": diagnostics.acceptance,
        "longest_stuck_run": diagnostics.longest_stuck_run,
        "cost": {
            "log_prob_calls": posterior.cost.log_prob_calls,
            "gradient_calls": posterior.cost.gradient_calls,
            "seconds": posterior.cost.seconds,
            **efficiency(posterior),
        },
        "modes": diagnostics.mode_report,
        "problems": diagnostics.problems,
        "num_bad_values": diagnostics.num_bad_values,
        "bad_values": diagnostics.bad_values,
        "pilot": posterior.config.get("pilot"),
        "reproducible": bool(posterior.config.get("reproducible", True)),
        "num_draws": posterior.num_draws,
        "num_chains": posterior.num_chains,
        "output": str(path),
        "files": [file.name for file in files],
    }
    return _plain(document)


def write_json(document: Mapping[str, Any]) -> None:
    """Write one document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    return value
