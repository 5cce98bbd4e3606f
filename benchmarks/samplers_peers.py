"""Other samplers on the problems of `samplers`, in their own interpreter, file to file.

The interpreter is named by the option `--peer-python`; NumPyro's NUTS is run by
`kernel_numpyro`, the others by `samplers_peer`.
"""

__all__ = ["PEERS", "find_versions", "run"]

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "FLOWMC_NUMPYRO_PYTHON"
SCRIPT = Path(__file__).with_name("samplers_peer.py")
TIME_LIMIT = 1800.0
# contestant -> the distribution it comes with
PEERS = {
    "numpyro": "numpyro",
    "numpyro_dense": "numpyro",
    "emcee": "emcee",
    "zeus": "zeus-mcmc",
    "pocomc": "pocomc",
    "nautilus": "nautilus-sampler",
    "dynesty": "dynesty",
}
ASK = """
import sys
from importlib import metadata
for name in sys.argv[1:]:
    try:
        print(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        pass
"""


def find_versions() -> dict[str, str]:
    """Return the version of each contestant that the peers' interpreter has."""
    command = [_python(), "-c", ASK, *set(PEERS.values())]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    versions = dict(line.split() for line in answer.stdout.splitlines())
    return {
        contestant: versions[package]
        for contestant, package in PEERS.items()
        if package in versions
    }


def run(problem: Any, contestant: str, *, seed: int) -> dict[str, Any]:
    """Run one peer.

    Returns:
        "theta" `[n, chains, D]`, "evaluations", "gradients", "wall" in seconds,
        "seconds" by kind; "log_weight" `[n]` and "log_evidence" where there are some.
    """
    if contestant.startswith("numpyro"):
        return _run_nuts(problem, seed=seed, dense="dense" in contestant)
    arrays = _arrays(problem, seed)
    settings = {
        "contestant": contestant,
        "density": problem.yardstick,
        "prior": getattr(problem, "prior", "uniform"),
        "seed": seed,
    }
    stored = _call(SCRIPT, {**arrays, "settings": json.dumps(settings)})
    result: dict[str, Any] = {"gradients": 0, "theta": stored["theta"]}
    for name in ("evaluations", "wall", "cpu", "log_evidence", "log_evidence_error"):
        if name in stored:
            result[name] = stored[name].item()
    if "log_weight" in stored:
        result["log_weight"] = stored["log_weight"]
    return {**result, "seconds": {"total": result["wall"]}}


class _Nuts:
    """A problem as `kernel_peers.run_numpyro` wants it."""

    def __init__(self, problem: Any) -> None:
        self._problem = problem
        renamed = {"illcond50": "gaussian50"}
        self.name = renamed.get(problem.yardstick, problem.yardstick)
        self.precision = _precision(problem) if self.name == "gaussian50" else None

    def starts(self, num_chains: int, *, seed: int) -> np.ndarray:
        return _starts(self._problem, seed)[:num_chains]


def _run_nuts(problem: Any, *, seed: int, dense: bool) -> dict[str, Any]:
    from kernel_peers import run_numpyro

    found = run_numpyro(_Nuts(problem), seed=seed, quick=False, dense_mass=dense)
    size = found.draws.shape[-1]
    theta = found.draws.reshape(4, -1, size).swapaxes(0, 1)
    seconds = {"warm-up": found.warmup_seconds, "sample": found.seconds}
    return {
        "theta": theta,
        "evaluations": 0,
        "gradients": found.warmup_gradients + found.gradients,
        "wall": sum(seconds.values()),
        "seconds": {**seconds, "total": sum(seconds.values())},
    }


def _starts(problem: Any, seed: int) -> np.ndarray:
    """Return starts `[64, D]`: the problem's, or the middle tenth of its box."""
    random = np.random.default_rng([seed, 1])
    if problem.start is not None:
        return problem.start(random)
    low, high = np.asarray(problem.target().bounds, float).T
    low, high = np.maximum(low, -20.0), np.minimum(high, 20.0)
    middle, width = 0.5 * (low + high), 0.1 * (high - low)
    return middle + width * (random.uniform(size=(64, len(low))) - 0.5)


def _arrays(problem: Any, seed: int) -> dict[str, np.ndarray]:
    peer_arrays = getattr(problem, "peer_arrays", None)
    if peer_arrays is not None:
        return peer_arrays()
    arrays = {
        "prior": np.asarray(problem.target().bounds, float),
        "initial": _starts(problem, seed),
    }
    if problem.yardstick == "illcond50":
        arrays["precision"] = _precision(problem)
    return arrays


def _precision(problem: Any) -> np.ndarray:
    """Return the precision matrix of a centred normal law from its log-density."""
    size = problem.truth.event_size
    unit = np.eye(size)
    value = problem.truth.host_fn
    peak = value(np.zeros((1, size)))[0]
    single = peak - value(unit)
    pairs = [peak - value(unit + unit[index]) for index in range(size)]
    return np.array(pairs) - single[:, None] - single[None, :]


def _call(script: Path, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, **arrays)
        subprocess.run(
            [_python(), str(script), str(source), str(destination)],
            check=True,
            timeout=TIME_LIMIT,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        return dict(np.load(destination))


def _python() -> str:
    return os.environ.get(VARIABLE) or sys.executable
