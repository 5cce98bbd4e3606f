"""Steps per second beside TFP's own kernels, and the cost of a step on the host.

Both contestants compile a loop of the same number of steps with XLA, in float64, start
at the same exact draws, keep every position, log-density and decision, and take turns.
HMC's trajectories have jittered lengths here and a fixed one in TFP, so it is compared
by leapfrog steps; NUTS by steps, whose trajectories follow the same law in both.
"""

__all__ = ["measure_host", "measure_speed"]

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from common import interleave

from flowmc import kernels, models, targets
from flowmc.sampling.chain_runners import make_runner
from flowmc.sampling.space import Space
from flowmc.targets.target import Target

SIZE = 10
STEP_SIZES = {"random_walk": 0.1, "mala": 0.1, "hmc": 0.1, "nuts": 0.1}
NUM_LEAPFROGS = 10
TARGET = targets.rosenbrock(SIZE, prior=None)


def measure_speed(quick: bool) -> Iterator[tuple]:
    """Yield a row for each kernel and number of chains."""
    for num_chains in (64,) if quick else (64, 1024):
        start = TARGET.sample(num_chains, seed=1)
        for name in STEP_SIZES:
            num_steps = 100 if quick else (64 if name == "nuts" else 640)
            ours, leapfrogs = _ours(name, start, num_steps)
            theirs = _theirs(name, start, num_steps)
            timing = interleave(
                {"flowmc": ours, "tfp": theirs}, repeats=3 if quick else 15
            )
            scale = 1.0
            if name == "hmc":
                scale = NUM_LEAPFROGS / leapfrogs()
            mine, other = timing["flowmc"], timing["tfp"]
            rates = [1e3 * num_steps / t for t in (mine.median * scale, other.median)]
            yield (
                num_chains,
                name,
                *rates,
                other.median / mine.median / scale,
                other.minimum / mine.minimum / scale,
                other.processor / mine.processor / scale,
            )


def _ours(name: str, start: np.ndarray, num_steps: int) -> tuple[Callable, Callable]:
    """Return a function that runs a block, and one that tells its mean leapfrogs."""
    options = {}
    if name == "hmc":
        # Uniform up to (2 L - 1) steps, rounded up: L on average.
        options["trajectory_length"] = (2 * NUM_LEAPFROGS - 1) * STEP_SIZES[name]
    kernel = kernels.make(name, step_size=STEP_SIZES[name], **options)
    space = Space(TARGET.target())
    runner = make_runner(kernel, space, num_chains=len(start))
    runner.capacity = num_steps  # buffers as long as TFP's
    state = runner.init(start, space.log_prob(start))
    counts = []

    def run() -> Any:
        seed = np.array([1, len(counts)], np.int32)
        _, block, tally = runner.run(state, first=0, count=num_steps, seed=seed)
        counts.append(tally.as_dict()["gradient_calls"] / (num_steps * len(start)))
        return block

    return run, lambda: statistics.mean(counts[1:])


def _theirs(name: str, start: np.ndarray, num_steps: int) -> Callable:
    step, log_prob_fn = STEP_SIZES[name], TARGET.graph_fn
    kernel = {
        "random_walk": lambda: tfp.mcmc.RandomWalkMetropolis(
            log_prob_fn, tfp.mcmc.random_walk_normal_fn(scale=np.float64(step))
        ),
        "mala": lambda: tfp.mcmc.MetropolisAdjustedLangevinAlgorithm(
            log_prob_fn, step_size=np.float64(step**2)
        ),
        "hmc": lambda: tfp.mcmc.HamiltonianMonteCarlo(
            log_prob_fn, np.float64(step), num_leapfrog_steps=NUM_LEAPFROGS
        ),
        "nuts": lambda: tfp.mcmc.NoUTurnSampler(log_prob_fn, np.float64(step)),
    }[name]()

    def trace(_, results):
        if name == "nuts":
            return results.target_log_prob, results.is_accepted
        return results.accepted_results.target_log_prob, results.is_accepted

    @tf.function(jit_compile=True, autograph=False)
    def sample(seed):
        return tfp.mcmc.sample_chain(
            num_steps, tf.constant(start), kernel=kernel, trace_fn=trace, seed=seed
        )

    count = iter(range(10**6))

    def run() -> Any:
        outcome = sample(tf.constant([2, next(count)]))
        return [tensor.numpy() for tensor in tf.nest.flatten(outcome)]

    return run


def measure_host(quick: bool) -> Iterator[tuple]:
    """Yield a row for each kernel: what a step of 64 chains costs beside the target."""
    num_steps, repeats = (50, 3) if quick else (64, 12)
    start = TARGET.sample(64, seed=1)
    for label, kernel in _host_kernels().items():
        clock = _Clock()
        space = Space(clock.target())
        runner = make_runner(kernel, space, num_chains=len(start))
        state = runner.init(start, space.log_prob(start))
        runner.run(state, first=0, count=10, seed=np.array([1, 1], np.int32))
        wall, processor, inside = [], [], []
        for repeat in range(repeats):
            clock.reset()
            seed = np.array([2, repeat], np.int32)
            before, started = time.thread_time(), time.perf_counter()
            runner.run(state, first=0, count=num_steps, seed=seed)
            elapsed = time.perf_counter() - started
            cpu = time.thread_time() - before
            wall.append(1e3 * (elapsed - clock.wall) / num_steps)
            processor.append(1e3 * (cpu - clock.processor) / num_steps)
            inside.append(1e3 * clock.wall / num_steps)
        calls = clock.calls / num_steps
        yield (
            label,
            statistics.median(wall),
            min(wall),
            statistics.median(processor),
            statistics.median(inside),
            calls,
        )


def _host_kernels() -> dict[str, Any]:
    draws = TARGET.sample(2000, seed=3)
    affine = models.make("gaussian", event_size=SIZE)
    affine.fit_whitening(draws)
    flow = models.make("maf", event_size=SIZE, seed=0)
    flow.fit_whitening(draws)
    walk = {"step_size": 0.3}
    return {
        "random_walk": kernels.make("random_walk", **walk),
        "t_pcn": kernels.make("t_pcn"),
        "elliptical_slice": kernels.make("elliptical_slice"),
        "independence, affine": kernels.make("independence", model=affine),
        "multiple_try 8, affine": kernels.make("multiple_try", model=affine),
        "preconditioned walk, maf": kernels.make(
            "preconditioned",
            model=flow,
            inner=kernels.make("random_walk", **walk),
            max_round_trip_error=None,
        ),
        "cycle of walk, independence": kernels.make(
            "cycle",
            kernels=[
                kernels.make("random_walk", **walk),
                kernels.make("independence", model=affine),
            ],
        ),
        "mala": kernels.make("mala", step_size=0.1),
        "hmc, 10 leapfrogs": kernels.make(
            "hmc", step_size=0.1, trajectory_length=0.1 * (2 * NUM_LEAPFROGS - 1)
        ),
    }


class _Clock:
    """A NumPy target that knows how long it took."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start counting anew."""
        self.wall = self.processor = 0.0
        self.calls = 0

    def target(self) -> Target:
        """Return the target, with its gradient."""
        return Target(
            self._timed(_log_prob),
            names=TARGET.names,
            backend="numpy",
            value_and_gradient_fn=self._timed(_value_and_gradient),
        )

    def _timed(self, function: Callable) -> Callable:
        def timed(theta: np.ndarray) -> Any:
            before, started = time.thread_time(), time.perf_counter()
            with np.errstate(over="ignore"):  # where a trajectory runs away
                outcome = function(theta)
            self.wall += time.perf_counter() - started
            self.processor += time.thread_time() - before
            self.calls += 1
            return outcome

        return timed


def _log_prob(theta: np.ndarray) -> np.ndarray:
    a, b = theta[:, ::2], theta[:, 1::2]
    return -np.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2, axis=-1)


def _value_and_gradient(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = theta[:, ::2], theta[:, 1::2]
    bend = a**2 - b
    gradient = np.empty_like(theta)
    gradient[:, ::2] = -40.0 * bend * a - 2.0 * (a - 1.0)
    gradient[:, 1::2] = 20.0 * bend
    return -np.sum(10.0 * bend**2 + (a - 1.0) ** 2, axis=-1), gradient
