"""One run of the samplers' benchmark, in a process of its own; see `samplers.py`.

    python benchmarks/samplers_run.py SPECIFICATION.json ROW.json

The specification names problem, contestant, settings and seed.  Compiled programs are
never freed, so a process makes one run.
"""

__all__ = ["main"]

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, quiet_tensorflow

quiet_tensorflow()

import samplers_peers  # noqa: E402
from metrics import Yardstick  # noqa: E402
from samplers_cripples import CRIPPLES  # noqa: E402
from samplers_judges import Outcome  # noqa: E402
from samplers_problems import PROBLEMS, Problem  # noqa: E402

import flowmc  # noqa: E402
from flowmc.results.diagnostics import compute_diagnostics  # noqa: E402

NUM_DIGITS = 6


def main(source: str, destination: str) -> None:
    """Make the run that `source` specifies; write its row."""
    specification = json.loads(Path(source).read_text())
    problem = PROBLEMS[specification["problem"]]
    seed, contestant = specification["seed"], specification["contestant"]
    if contestant == "flowmc":
        row, theta, weighted = _own(problem, specification["settings"], seed)
    else:
        row, theta, weighted = _peer(problem, contestant, seed)
    cache = RESULTS / "yardsticks" / f"{problem.yardstick}.json"
    yardstick = Yardstick(problem.truth, cache=cache)
    row |= _accuracy(row, yardstick, theta, weighted)
    row["checks"] = _checks(problem, row, theta)
    truth = problem.truth.log_evidence
    row["log_evidence_truth"] = truth
    Path(destination).write_text(json.dumps(_plain({**specification, **row})))


def settings_of(problem: Problem, name: str, seed: int) -> dict[str, Any]:
    """Return the keyword arguments of `flowmc.sample` for one run.

    Args:
        problem: Its start, limits and model.
        name: "default" or a name in `CRIPPLES`.
        seed: Of the start and of the run.
    """
    settings = {**problem.settings, "seed": seed}
    if problem.start is not None:
        settings["initial"] = problem.start(np.random.default_rng([seed, 1]))
    if problem.model is not None:
        settings["model"] = problem.model(problem.truth)
    return settings if name == "default" else CRIPPLES[name](problem, settings, seed)


def _own(problem: Problem, name: str, seed: int) -> tuple:
    settings, target = settings_of(problem, name, seed), problem.target()
    started = time.perf_counter()
    posterior = flowmc.sample(target, **settings)
    wall = time.perf_counter() - started
    cost, diagnostics = posterior.cost, posterior.diagnostics
    verdict, weighted = posterior.verdict, posterior.weighted
    row = {
        "wall": wall,
        "seconds": dict(cost.seconds),
        "evaluations": cost.log_prob_calls,
        "gradients": cost.gradient_calls,
        "ess_bulk": float(np.min(diagnostics.ess_bulk)),
        "ess_tail": float(np.min(diagnostics.ess_tail)),
        "r_hat": float(np.max(diagnostics.r_hat)),
        "verdict_ok": verdict.ok,
        "reasons": list(verdict.reasons),
        "longest_stuck_run": diagnostics.longest_stuck_run,
        "acceptance": dict(diagnostics.acceptance),
        "pareto_k": diagnostics.pareto_k,
        "log_evidence": posterior.log_evidence,
        "log_evidence_error": posterior.log_evidence_error,
        "model": posterior.history[-1].model,
        "shape": list(posterior.theta.shape),
        "windows": [
            [window.name, window.model, window.num_steps, *window.notes]
            for window in posterior.history
        ],
        "mode_report": dict(diagnostics.mode_report),
        "pilot": dict(posterior.config.get("pilot", {})),
    }
    if weighted is None or not len(weighted.theta):
        return row, posterior.theta, None
    return row, posterior.theta, (weighted.theta, weighted.log_weight)


def _peer(problem: Problem, contestant: str, seed: int) -> tuple:
    result = samplers_peers.run(problem, contestant, seed=seed)
    theta = result.pop("theta")
    diagnostics = compute_diagnostics(theta)
    row = {
        "ess_bulk": float(np.min(diagnostics.ess_bulk)),
        "ess_tail": float(np.min(diagnostics.ess_tail)),
        "r_hat": float(np.max(diagnostics.r_hat)),
        "verdict_ok": None,
        "reasons": [],
        "longest_stuck_run": diagnostics.longest_stuck_run,
        "shape": list(theta.shape),
        **result,
    }
    log_weight = row.pop("log_weight", None)
    if log_weight is None:
        return row, theta, None
    # Importance samplers: their draws are resampled, and nothing is said of chains.
    row["ess_bulk"] = row["ess_tail"] = _kish(log_weight)
    row["r_hat"] = None
    return row, theta, (theta.reshape(-1, theta.shape[-1]), log_weight)


def _accuracy(row: dict, yardstick: Yardstick, theta: Any, weighted: Any) -> dict:
    flat = theta.reshape(-1, theta.shape[-1])
    found: dict[str, Any] = {"iid_weighted": None}
    if weighted is not None:
        draws, log_weight = weighted
        weights = np.exp(log_weight - np.max(log_weight))
        found["sw1_weighted"] = yardstick.distance(draws, weights)
        found["iid_weighted"] = yardstick.worth(found["sw1_weighted"])
    if weighted is not None and row["r_hat"] is None:
        found["sw1"] = found["sw1_weighted"]
    else:
        found["sw1"] = yardstick.distance(flat)
    iid = found["iid"] = yardstick.worth(found["sw1"])
    for kind in ("evaluations", "gradients"):
        count = row[kind]
        found[f"iid_per_1000_{kind}"] = 1e3 * iid / count if count else None
    found["iid_per_second"] = iid / row["wall"]
    return found


def _checks(problem: Problem, row: dict, theta: np.ndarray) -> list[dict]:
    if row["r_hat"] is None and row["verdict_ok"] is None:
        return []  # weighted draws of a peer: the metric says enough
    outcome = Outcome(
        theta,
        row["iid"],
        row["evaluations"],
        row["gradients"],
        row["longest_stuck_run"],
        row["verdict_ok"],
        tuple(row["reasons"]),
    )
    return [check._asdict() for check in problem.judge(outcome)]


def _kish(log_weight: np.ndarray) -> float:
    weights = np.exp(log_weight - log_weight.max())
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _plain(value: Any) -> Any:
    """Return JSON values: short numbers, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{NUM_DIGITS}g}") if np.isfinite(value) else None
    return value if value is None else str(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
