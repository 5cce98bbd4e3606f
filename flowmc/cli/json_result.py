"""Results as JSON documents, for programs that call a command with `--json`.

Each document is plain values, has an `exit_code`, and is described key by key in
`flowmc.cli.json_keys`.
"""

__all__ = [
    "diagnosis_document",
    "files_document",
    "names_document",
    "plain",
    "result_document",
    "write_json",
]

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
    return plain(document)


def diagnosis_document(diagnosis: Any, *, code: int) -> dict[str, Any]:
    """Return what `flowmc diagnose` found."""
    found = diagnosis.diagnostics
    columns = {
        "r_hat": found.r_hat,
        "ess_bulk": found.ess_bulk,
        "ess_tail": found.ess_tail,
    }
    document = {
        "exit_code": code,
        "verdict": {"ok": diagnosis.ok, "reasons": list(diagnosis.reasons)},
        "findings": list(diagnosis.findings),
        "parameters": {
            name: {key: values[index] for key, values in columns.items()}
            for index, name in enumerate(found.names)
        },
        "acceptance": found.acceptance,
        "pareto_k": found.pareto_k,
    }
    return plain(document)


def files_document(paths: Sequence[Path], *, folder: Path) -> dict[str, Any]:
    """Return what `flowmc plot`, `report` and `export` wrote."""
    files = [path.relative_to(folder).as_posix() for path in paths]
    return {"exit_code": 0, "output": str(folder), "files": files}


def names_document(what: str, found: Mapping[str, str]) -> dict[str, Any]:
    """Return what `flowmc list` lists: name -> first line of its documentation."""
    return {"exit_code": 0, "listing": what, "names": dict(found)}


def write_json(document: Mapping[str, Any]) -> None:
    """Write one document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Return nested values as JSON has them; a number that is not finite is None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    return value
