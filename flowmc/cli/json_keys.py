"""What the JSON documents of the commands hold: key -> meaning, for every command.

The page on the command line shows these tables, and tests compare them with what the
commands write.
"""

__all__ = ["DOCUMENTS", "ERROR_KEYS"]

ERROR_KEYS = {
    "exit_code": "integer, not 0",
    "error": "text, one line",
    "error_type": "text: the exception's class, or `UsageError`",
}

_RESULT = {
    "exit_code": "0, or 3 where the verdict of `run` is not good",
    "verdict": "`ok`: true or false; `reasons`: list of sentences",
    "summary": "parameter -> `mean`, `sd`, `q05` ... `q95`, `r_hat`, `ess_bulk`, "
    "`ess_tail`, `mcse_mean`",
    "log_evidence": "number or null",
    "log_evidence_error": "number or null: its standard error",
    "evidence": "method -> [log evidence, standard error]",
    "acceptance": "kernel -> share of proposals accepted",
    "longest_stuck_run": "integer: draws in which a chain stood still",
    "cost": "`log_prob_calls`, `gradient_calls`, `seconds` by part, and ESS per each",
    "modes": "the search for modes: `notes` and its figures",
    "problems": "name -> count of steps that met it",
    "num_bad_values": "integer: log-densities that were NaN or +inf",
    "bad_values": "list of examples of them",
    "pilot": "measurements that set the share of local steps, or null",
    "reproducible": "true or false: no clock had a say in the draws",
    "num_draws": "integer: draws of each chain",
    "num_chains": "integer",
    "output": "text: the folder",
    "files": "list of names in it",
}

_FILES = {
    "exit_code": "0",
    "output": "text: the folder",
    "files": "list of names in it that were written",
}

DOCUMENTS: dict[str, dict[str, str]] = {
    "run": _RESULT,
    "run --test": {
        "exit_code": "0",
        "names": "list of the parameters",
        "backend": '"tensorflow" or "numpy"',
        "num_points": "integer: points evaluated, one a chain",
        "num_finite": "integer: those with a finite log-density",
        "lowest": "number or null: smallest finite log-density",
        "highest": "number or null: largest finite log-density",
        "first_seconds": "number: the first call, compilation included",
        "seconds": "number: a second call at other points",
        "num_evaluations": "integer: points that the draws asked for take at least",
        "estimated_seconds": "number: time in the target for that many",
    },
    "summary": _RESULT,
    "diagnose": {
        "exit_code": "0, or 3 where the verdict is not good",
        "verdict": "`ok`: true or false; `reasons`: list of sentences",
        "findings": "list of sentences: what was looked at",
        "parameters": "parameter -> `r_hat`, `ess_bulk`, `ess_tail`",
        "acceptance": "kernel -> share of proposals accepted",
        "pareto_k": "number or null: tail of the importance weights",
    },
    "plot": _FILES,
    "report": _FILES,
    "export": _FILES,
    "validate": {
        "exit_code": "0, or 1 where a check failed",
        "passed": "true or false",
        "quick": "true or false",
        "seed": "integer",
        "limit": "number: largest abs(z) that passes",
        "checks": "list of `group`, `case`, `quantity`, `found`, `error`, `truth`, "
        "`z`, `resolution`, `passed`",
        "failures": "list of `group`, `case`, `error`: cases that raised",
        "notes": "list of sentences",
        "seconds": "group -> number, and `total`",
        "versions": "package -> version",
        "device": "text",
    },
    "list": {
        "exit_code": "0",
        "listing": '"models", "kernels" or "losses"',
        "names": "name -> first line of its documentation",
    },
}
