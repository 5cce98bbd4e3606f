"""One run of the annealing's benchmark, in a process of its own; see `smc.py`.

python benchmarks/smc_run.py SPECIFICATION.json ROW.json
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
from smc_problems import OURS, PROBLEMS, Problem  # noqa: E402

import flowmc  # noqa: E402
from flowmc.results.importance import importance_ess  # noqa: E402


def main(source: str, destination: str) -> None:
    """Make the run that `source` specifies; write its row."""
    specification = json.loads(Path(source).read_text())
    problem, seed = PROBLEMS[specification["problem"]], specification["seed"]
    make = _own if specification["contestant"] in OURS else _peer
    row, theta, log_weight = make(problem, seed, specification["contestant"])
    row["kish"] = importance_ess(log_weight)
    row["error"] = _off(row, problem.exact)
    row["iid"] = row["rate"] = None
    if problem.truth is not None:
        cache = RESULTS / "yardsticks" / f"{problem.yardstick}.json"
        yardstick = Yardstick(problem.truth, cache=cache)
        weights = np.exp(log_weight - log_weight.max())
        row["iid"] = yardstick.equivalent(theta, weights)
        row["rate"] = 1e3 * row["iid"] / (row["evaluations"] + row["gradients"])
    Path(destination).write_text(json.dumps({**specification, **row}))


def _own(problem: Problem, seed: int, name: str) -> tuple[dict[str, Any], Any, Any]:
    settings = dict(problem.settings)
    settings |= {"kernel": "hmc"} if name == "flowmc-hmc" else {}
    target = problem.target("tensorflow" if name == "flowmc-hmc" else "numpy")
    started, before = time.perf_counter(), time.process_time()
    posterior = flowmc.sample_smc(target, seed=seed, **settings)
    wall, cpu = time.perf_counter() - started, time.process_time() - before
    cost, weighted = posterior.cost, posterior.weighted
    row = {
        "wall": wall,
        "cpu": cpu,
        "seconds": dict(cost.seconds),
        "evaluations": cost.log_prob_calls,
        "gradients": cost.gradient_calls,
        "log_evidence": posterior.log_evidence,
        "log_evidence_error": posterior.log_evidence_error,
        "smc": list(posterior.evidence.get("smc", ())),
        "pareto_k": posterior.diagnostics.pareto_k,
        "verdict_ok": posterior.verdict.ok,
        "reasons": list(posterior.verdict.reasons),
        "windows": [[w.name, w.model, w.num_steps] for w in posterior.history],
        "num_proposals": weighted.num_proposals,
    }
    return row, weighted.theta, weighted.log_weight


def _peer(problem: Problem, seed: int, name: str) -> tuple[dict[str, Any], Any, Any]:
    found = samplers_peers.run(problem, name, seed=seed)
    theta, log_weight = found.pop("theta"), found.pop("log_weight")
    return {**found, "verdict_ok": None, "reasons": []}, theta[:, 0], log_weight


def _off(row: dict[str, Any], exact: float) -> dict[str, float | None]:
    """Return how far ln Z is off, and that in standard errors."""
    off, error = row["log_evidence"] - exact, row["log_evidence_error"]
    return {"nats": off, "pull": off / error if error else None}


if __name__ == "__main__":
    main(*sys.argv[1:])
