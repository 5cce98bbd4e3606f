"""NUTS of NumPyro and of TFP on the problems of `kernel_hmc`.

NumPyro runs in an environment of its own, whose interpreter is named by the option
`--numpyro-python` or the variable FLOWMC_NUMPYRO_PYTHON; without one, this one is used
if NumPyro is installed in it, else the peer is left out.
"""

__all__ = ["Run", "find_numpyro", "run_numpyro", "run_tfp"]

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

SCRIPT = Path(__file__).with_name("kernel_numpyro.py")
VARIABLE = "FLOWMC_NUMPYRO_PYTHON"
TIME_LIMIT = 900.0


class Run(NamedTuple):
    """Draws of one contestant, and what they cost."""

    draws: np.ndarray  # [n, D]
    warmup_gradients: int  # and evaluations, learning included
    gradients: int  # of the recorded part
    warmup_seconds: float  # learning and compilation included
    seconds: float  # of the recorded part, compiled
    divergence: float | str = "none"  # KL(target, flow) in nats, where there is a flow


def find_numpyro() -> str | None:
    """Return the interpreter that has NumPyro, or None."""
    if os.environ.get(VARIABLE):
        return os.environ[VARIABLE]
    return sys.executable if find_spec("numpyro") else None


def run_numpyro(problem: Any, *, seed: int, quick: bool, dense_mass: bool) -> Run:
    """Run four chains, 1000 steps of warm-up and 1000 recorded."""
    num_steps = 100 if quick else 1000
    settings = {
        "target": problem.name,
        "num_warmup": num_steps,
        "num_steps": num_steps,
        "dense_mass": dense_mass,
        "seed": seed,
    }
    arrays = {"initial": problem.starts(4, seed=seed), "settings": json.dumps(settings)}
    if problem.precision is not None:
        arrays["precision"] = problem.precision
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, **arrays)
        command = [find_numpyro() or sys.executable, str(SCRIPT)]
        subprocess.run(
            [*command, str(source), str(destination)],
            check=True,
            timeout=TIME_LIMIT,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        stored = dict(np.load(destination))
    draws = stored["draws"]
    return Run(
        draws.reshape(-1, draws.shape[-1]),
        int(stored["warmup_gradients"]),
        int(stored["gradients"]),
        float(stored["warmup_seconds"]),
        float(stored["seconds"]),
    )


def run_tfp(problem: Any, *, seed: int, quick: bool) -> Run:
    """Run TFP's NUTS in `x` with dual averaging: four chains, 1000 + 1000, XLA.

    Gradients are those of each chain's own trajectory, though chains of a batch wait
    for the longest.
    """
    num_steps = 100 if quick else 1000
    log_prob_fn = problem.target.graph_fn
    start = tf.constant(problem.starts(4, seed=seed))
    kernel = tfp.mcmc.DualAveragingStepSizeAdaptation(
        tfp.mcmc.NoUTurnSampler(log_prob_fn, step_size=np.float64(0.01)),
        num_adaptation_steps=num_steps,
        target_accept_prob=np.float64(0.8),
    )

    def trace(_, results):
        return results.inner_results.leapfrogs_taken

    @tf.function(jit_compile=True, autograph=False)
    def advance(state, results, seed):
        state, taken, results = tfp.mcmc.sample_chain(
            num_steps,
            state,
            kernel=kernel,
            previous_kernel_results=results,
            trace_fn=trace,
            return_final_kernel_results=True,
            seed=seed,
        )
        return state, taken, results

    results = kernel.bootstrap_results(start)
    started = time.perf_counter()
    draws, taken, results = advance(start, results, tf.constant([seed, 1]))
    warmup_gradients = int(taken.numpy().sum())
    warmed = time.perf_counter()
    draws, taken, _ = advance(draws[-1], results, tf.constant([seed, 2]))
    gradients = int(taken.numpy().sum())
    seconds = time.perf_counter() - warmed
    flat = draws.numpy().reshape(-1, start.shape[-1])
    return Run(flat, warmup_gradients, gradients, warmed - started, seconds)
