"""Draws per second on CPU and GPU, and how near that is to what the machine can do.

    python benchmarks/gpu.py [--quick] [--dtype float64 float32] [--max-chains N]

One command for a machine with a GPU. Three kernels move 10^2 to 10^5 chains on the
10-D Rosenbrock density: a random walk and HMC in a flow's space, and independence jumps
drawn and scored in blocks. Densities are float64 always; `--dtype` is that of the
networks. Writes `benchmarks/results/gpu.json` (`gpu_quick.json` with `--quick`).
"""

__all__ = ["main"]

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from common import Table, fingerprint, save  # noqa: E402
from gpu_limits import Limits, Work, measure_limits, work_of_pass  # noqa: E402

from flowmc import kernels, models  # noqa: E402
from flowmc.kernels.tally import COUNTS  # noqa: E402
from flowmc.sampling.device import place  # noqa: E402
from flowmc.sampling.space import Space  # noqa: E402
from flowmc.sampling.stepper import GraphStepper  # noqa: E402
from flowmc.targets import rosenbrock  # noqa: E402

SIZE, NUM_STEPS = 10, 4
MAX_POINTS = 2**18  # of one block of jumps: its activations must fit into memory
CHAINS = (100, 1000, 10_000, 100_000)
KERNELS = ("random_walk", "independence", "hmc")
NO_GPU = "No GPU was found; CPU figures only."


class Passes(NamedTuple):
    """How often a kernel sends a point through the flow."""

    start: float  # for each chain of a call
    step: float  # for each chain and step
    evaluation: float  # for each point evaluated


# A walk maps to x and looks whether the point comes back; a jump is drawn, and scored
# once more for the defensive part; a gradient is a pass forward and two backward, and
# the end of a trajectory is looked at as a walk's is.
PASSES = {
    "random_walk": Passes(2.0, 0.0, 2.0),
    "independence": Passes(1.0, 0.0, 2.0),
    "hmc": Passes(5.0, 2.0, 3.0),
}


class Measured(NamedTuple):
    """One kernel at one size."""

    seconds: float  # a call, median
    compile_seconds: float
    draws: int  # a call
    evaluations: float  # a call, mean
    moved: float  # share of the chains, in a call


def main() -> None:
    """Measure on every kind of device there is, show it and save it."""
    options = _options()
    name = "gpu_quick" if options.quick else "gpu"
    devices = _devices()
    started = {**fingerprint(), "devices": devices, "quick": options.quick}
    if "GPU" not in devices:
        started["note"] = NO_GPU
        print(NO_GPU)
    for kind, device in devices.items():
        print(f"{kind}: {device}")
    tables = _tables()
    for kind in devices:
        with place(kind.lower()):
            limits = {dtype: measure_limits(dtype) for dtype in options.dtype}
            for dtype, limit in limits.items():
                tables["limits"].add(kind, dtype, *(x / 1e9 for x in limit))
            for row in _rows(options, limits):
                tables["speed"].add(kind, *row)
                # Row by row: what was measured outlives an interruption.
                save(name, tables, started)
    if "GPU" not in devices:
        print(f"\n{NO_GPU}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10^2 and 10^3 chains")
    parser.add_argument(
        "--dtype",
        nargs="+",
        choices=("float64", "float32"),
        default=("float64", "float32"),
        help="of the networks; densities are float64",
    )
    parser.add_argument("--max-chains", type=int, default=CHAINS[-1])
    options = parser.parse_args()
    if options.quick:
        options.max_chains = min(options.max_chains, 1000)
    return options


def _devices() -> dict[str, str]:
    """Return the devices' own names by kind: the processor, and a GPU if any."""
    devices = {"CPU": fingerprint()["processor"]}
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        details = tf.config.experimental.get_device_details(gpu)
        devices["GPU"] = str(details.get("device_name", gpu.name))
    return devices


def _rows(options: argparse.Namespace, limits: dict[str, Limits]) -> Iterator[tuple]:
    for dtype in options.dtype:
        for kernel in KERNELS:
            for num_chains in CHAINS:
                if num_chains > options.max_chains:
                    continue
                yield _row(kernel, num_chains, dtype, limits[dtype], options.quick)


def _row(kernel: str, num_chains: int, dtype: str, limit: Limits, quick: bool) -> tuple:
    flow = _flow(dtype)
    measured = _measure(kernel, flow, num_chains, budget=0.5 if quick else 3.0)
    needed = _work(kernel, flow, num_chains, measured.evaluations)
    by_arithmetic = needed.operations / limit.operations
    by_memory = needed.bytes / limit.bytes
    return (
        kernel,
        dtype,
        num_chains,
        measured.draws / measured.seconds,
        measured.evaluations / measured.seconds,
        1e3 * measured.seconds,
        measured.moved,
        measured.compile_seconds,
        needed.operations / 1e9,
        needed.bytes / 1e9,
        "arithmetic" if by_arithmetic > by_memory else "memory",
        max(by_arithmetic, by_memory) / measured.seconds,
    )


def _flow(dtype: str) -> Any:
    """Return a flow of default size that has learned something, but not the target."""
    flow = models.make("maf", event_size=SIZE, dtype=dtype, seed=0)
    flow.fit_whitening(rosenbrock(SIZE, prior=None).sample(4000, seed=1))
    random = np.random.default_rng(1)
    for variable in flow.trainable_variables:
        variable.assign_add(0.02 * random.normal(size=variable.shape))
    return flow


def _kernel(name: str, flow: Any, num_chains: int) -> tuple[Any, int]:
    """Return the kernel, and the draws of each chain in one of its steps."""
    if name == "independence":
        mixture = models.defensive(flow)
        mixture.fit_tails(rosenbrock(SIZE, prior=None).sample(4000, seed=1))
        num_jumps = int(np.clip(MAX_POINTS // num_chains, 1, 12))
        return kernels.make(name, model=mixture, num_steps=num_jumps), num_jumps
    options = {"step_size": 0.3}
    if name == "hmc":
        options = {"step_size": 0.2, "trajectory_length": 1.5}
    inner = kernels.make(name, **options)
    return kernels.make("preconditioned", model=flow, inner=inner), 1


def _measure(name: str, flow: Any, num_chains: int, *, budget: float) -> Measured:
    """Time calls of `NUM_STEPS` steps, from exact draws, for about `budget` seconds."""
    program, draws_per_step = _program(name, flow, num_chains)
    seconds, evaluations, moved = [], [], []
    started = time.perf_counter()
    program(0)
    compile_seconds = time.perf_counter() - started
    while sum(seconds) < budget or len(seconds) < 3:
        started = time.perf_counter()
        counts, share = program(len(seconds) + 1)
        seconds.append(time.perf_counter() - started)
        number = dict(zip(COUNTS, counts, strict=True))
        evaluations.append(float(number["log_prob_calls"] + number["gradient_calls"]))
        moved.append(share)
    return Measured(
        # Trajectories are of random length: time and evaluations must be of one kind.
        statistics.fmean(seconds) if name == "hmc" else statistics.median(seconds),
        compile_seconds,
        draws_per_step * NUM_STEPS * num_chains,
        statistics.fmean(evaluations),
        statistics.fmean(moved),
    )


def _program(name: str, flow: Any, num_chains: int) -> tuple[Callable, int]:
    """Return `number -> (counts, moved)`, one XLA program, and draws a step."""
    target = rosenbrock(SIZE, prior=None)
    kernel, draws_per_step = _kernel(name, flow, num_chains)
    space = Space(target.target("tensorflow"))
    stepper = GraphStepper(lambda x: (space.graph_log_prob(x), ()))

    @tf.function(jit_compile=True, autograph=False)
    def steps(x: tf.Tensor, seed: tf.Tensor) -> tuple:
        state = stepper.init(kernel, x, space.graph_log_prob(x))
        state, taken = stepper.repeat(kernel, state, num_steps=NUM_STEPS, seed=seed)
        moved = tf.reduce_any(state.position != x, axis=-1)
        return taken.tally.counts, tf.reduce_mean(tf.cast(moved, tf.float64)), taken

    start = tf.constant(target.sample(num_chains, seed=2))

    def call(number: int) -> tuple[np.ndarray, float]:
        counts, moved, _ = steps(start, tf.constant([number, 1]))
        return counts.numpy(), float(moved.numpy())

    return call, draws_per_step


def _work(name: str, flow: Any, num_chains: int, evaluations: float) -> Work:
    """Return the least work of a call."""
    start, step, evaluation = PASSES[name]
    passes = num_chains * (start + NUM_STEPS * step) + evaluation * evaluations
    return work_of_pass(flow, num_points=passes)


def _tables() -> dict[str, Table]:
    columns = (
        *("device", "kernel", "networks", "chains", "draws/s", "evaluations/s"),
        *("ms a call", "moved", "compile s", "GFLOP", "GB", "bound by"),
        "share of limit",
    )
    title = f"Rosenbrock-{SIZE}: calls of {NUM_STEPS} steps in one program"
    return {
        "limits": Table(
            "What the device can do, measured in this run",
            ("device", "networks", "GFLOP/s", "GB/s"),
        ),
        "speed": Table(title, columns),
    }


if __name__ == "__main__":
    main()
