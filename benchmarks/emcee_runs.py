"""Runs of the emcee benchmark: one contestant on one problem, until it has enough.

A run goes on in stretches; after each, what it has drawn is judged.  Evaluations and
seconds to the goal are those of the first stretch that reaches it; a contestant that is
stopped before is extrapolated at the rate it had, burn-in included, and marked.

Effective draws are iid-equivalent draws where there are exact ones (`metrics`), else
the smallest bulk ESS of the parameters.
"""

__all__ = ["CONTESTANTS", "GOAL", "PEERS", "judge_of", "run"]

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emcee
import numpy as np
from common import RESULTS
from emcee_problems import PROBLEMS, Problem, arrays_of, log_prob_of
from metrics import Yardstick

from flowmc import targets
from flowmc.moves import FlowMove, GlobalLocalMove
from flowmc.results.arviz_shim import ess

GOAL = 2000
LEFT_OUT = 0.2  # of the chains of those that do not say what to discard
PARTS = 40  # stretches between two judgements, of the most that is allowed
ZEUS = Path(__file__).with_name("emcee_zeus.py")


def _ours(problem: Problem) -> tuple[Any, Any]:
    move = GlobalLocalMove("maf", problem.num_adapt, bounds=problem.bounds)
    return move, move


def _ours_with_de(problem: Problem) -> tuple[Any, Any]:
    move = FlowMove("maf", problem.num_adapt // 2, bounds=problem.bounds)
    return [(move, 0.5), (emcee.moves.DEMove(), 0.5)], move


CONTESTANTS: dict[str, Callable[[Problem], tuple[Any, Any]]] = {
    "GlobalLocalMove": _ours,
    "FlowMove + DE": _ours_with_de,
    "stretch": lambda problem: (emcee.moves.StretchMove(), None),
    "DE + snooker": lambda problem: (
        [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
        None,
    ),
    "KDE": lambda problem: (
        [(emcee.moves.KDEMove(), 0.5), (emcee.moves.StretchMove(), 0.5)],
        None,
    ),
}
PEERS = ("zeus",)


def judge_of(name: str) -> Callable[[np.ndarray], float]:
    """Return the judge of a problem: chain `[n, walkers, D]` -> effective draws."""
    if name == "k2_24":
        return lambda chain: min(
            ess(np.swapaxes(chain[..., i], 0, 1), method="bulk")
            for i in range(chain.shape[-1])
        )
    make = {"rosenbrock10": targets.rosenbrock, "mixture10": targets.two_gaussians}
    cache = RESULTS / "yardsticks" / f"{name}.json"
    yardstick = Yardstick(make[name](10), cache=cache)
    return lambda chain: yardstick.equivalent(chain.reshape(-1, chain.shape[-1]))


def run(name: str, contestant: str, *, seed: int) -> dict[str, Any]:
    """Make one run; return its row.

    Args:
        name: The problem.
        contestant: One of `CONTESTANTS` or `PEERS`.
        seed: Of start and sampler.
    """
    problem, judge = PROBLEMS[name], judge_of(name)
    if contestant in PEERS:
        return _row(name, contestant, seed, *_run_zeus(problem, judge, seed=seed))
    log_prob, count = log_prob_of(name, arrays_of(name)), [0]

    def counted(theta: np.ndarray) -> np.ndarray:
        count[0] += len(theta)
        return log_prob(theta)

    moves, learner = CONTESTANTS[contestant](problem)
    state: Any = problem.start(np.random.default_rng([seed, 5]))
    sampler = emcee.EnsembleSampler(*state.shape, counted, moves=moves, vectorize=True)
    sampler.random_state = np.random.RandomState(seed).get_state()
    steps = max(1, problem.most // problem.num_walkers // PARTS)
    seconds, worth, chain = 0.0, 1.0, np.empty(0)
    while count[0] < problem.most and worth < GOAL:
        started = time.perf_counter()
        state = sampler.run_mcmc(state, steps)
        seconds += time.perf_counter() - started
        frozen_at = None if learner is None else learner.frozen_at
        if learner is not None and (
            frozen_at is None or frozen_at >= sampler.iteration
        ):
            continue
        left_out = int(LEFT_OUT * sampler.iteration)
        chain = sampler.get_chain(discard=left_out if learner is None else frozen_at)
        worth = judge(chain)
    notes = {} if learner is None else _notes(learner)
    return _row(name, contestant, seed, chain, count[0], seconds, worth, **notes)


def _notes(move: Any) -> dict[str, Any]:
    return {
        "frozen_at": move.frozen_at,
        "map": getattr(move.model, "name", "none"),
        "acceptance": move.acceptance_fraction,
    }


def _row(
    name: str,
    contestant: str,
    seed: int,
    chain: np.ndarray,
    evaluations: int,
    seconds: float,
    worth: float,
    **notes: Any,
) -> dict[str, Any]:
    share = max(1.0, GOAL / worth)
    row = {
        "problem": name,
        "contestant": contestant,
        "seed": seed,
        "evaluations": evaluations,
        "seconds": round(seconds, 2),
        "effective": round(worth, 1),
        "to goal": round(share * evaluations),
        "seconds to goal": round(share * seconds, 1),
        "extrapolated": bool(worth < GOAL),
        **notes,
    }
    if name == "mixture10" and chain.size:
        row["weight"] = round(float(np.mean(chain[..., 0] > 0.0)), 4)
    return row


def _run_zeus(problem: Problem, judge: Callable, *, seed: int) -> tuple:
    """Run zeus in the peers' interpreter; return chain, evaluations, seconds, worth."""
    settings = {"problem": problem.name, "seed": seed, "most": problem.most}
    start = problem.start(np.random.default_rng([seed, 5]))
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.npz"), Path(folder, "out.npz")
        arrays = arrays_of(problem.name)
        np.savez(source, start=start, settings=json.dumps(settings), **arrays)
        python = os.environ.get("FLOWMC_PEER_PYTHON") or sys.executable
        command = [python, str(ZEUS), str(source), str(destination)]
        subprocess.run(command, check=True, capture_output=True)
        found = dict(np.load(destination))
    chain = found["chain"][int(LEFT_OUT * len(found["chain"])) :]
    return chain, int(found["evaluations"]), float(found["seconds"]), judge(chain)
