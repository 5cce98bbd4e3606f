"""Run one kernel on one target: warm-up that tunes it, then frozen steps, all recorded.

This is the kernels' own workbench, for users who want a particular transition and no
schedule around it; `flowmc.sample` is the turnkey sampler.
"""

__all__ = ["Chains", "run_chains"]

import time
from typing import Any, NamedTuple

import numpy as np

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.progress import Progress, make_progress
from flowmc.core.seeds import fold_in, root_seed
from flowmc.kernels.adaptation import Adaptation
from flowmc.kernels.composition import check_kernel
from flowmc.kernels.starts import check_state
from flowmc.kernels.tally import COUNTS
from flowmc.sampling.chain_runners import make_runner
from flowmc.sampling.device import place
from flowmc.sampling.faults import enter_tally
from flowmc.sampling.sample_arguments import check_target
from flowmc.sampling.space import Space
from flowmc.targets.target import Target


class Chains(NamedTuple):
    """What `run_chains` recorded after warm-up."""

    theta: np.ndarray  # [num_steps, num_chains, D]
    log_prob: np.ndarray  # [num_steps, num_chains], of theta
    acceptance: np.ndarray  # [num_steps, num_chains], share of the step's decisions
    kernel: np.ndarray  # [num_steps], which part stepped last; 0 without parts
    counts: dict[str, int]  # evaluations and problems after warm-up, by name
    warmup_counts: dict[str, int]  # the same, in warm-up
    settings: dict[str, float]  # what warm-up found, such as "step_size"
    seconds: dict[str, float]  # compile, warmup, sample


def run_chains(
    kernel: Any,
    target: Target,
    initial: Any,
    *,
    num_steps: int,
    num_warmup: int = 0,
    adapt_length: bool = True,
    seed: Any = 0,
    device: str = "auto",
    progress: Any = False,
) -> Chains:
    """Step `kernel` on `target` from `initial`.

    Args:
        kernel: Made without `target_log_prob_fn`; it works on the unconstrained `x`.
        target: In TensorFlow (compiled blocks) or NumPy (called from Python).
        initial: `[num_chains, D]`, in theta.
        num_steps: Steps recorded.
        num_warmup: Steps before them, that tune step sizes and are thrown away.
        adapt_length: Whether warm-up tunes HMC's trajectory length too.
        seed: Integer.
        device: "auto", "cpu" or "gpu".
        progress: True, False, or a callback `(phase, done, total, stats)`.

    Returns:
        The recorded chains, in theta.

    Raises:
        ConfigurationError: A start outside the support, or a kernel that needs more
            than the target has.
        LogProbError: The target gave NaN or +inf, as its policy says.
    """
    _check(kernel, target, num_steps, num_warmup)
    space = Space(target)
    seed, shown = root_seed(seed), make_progress(progress)
    with place(device):
        position, log_prob = _start(space, initial)
        runner = make_runner(kernel, space, num_chains=len(position))
        run = _Run(runner, space, shown)
        state = _checked(kernel, runner.init(position, log_prob), log_prob)
        is_tuned = num_warmup > 0 and adapt_length
        adaptation = Adaptation(kernel, adapt_length=is_tuned)
        started = time.perf_counter()
        for step in range(num_warmup):
            state, block = run.advance(
                state, first=step, count=1, seed=fold_in(seed, "warmup")
            )
            adaptation.update(
                block.part_acceptance[0], float(block.slope[0]), block.position[0]
            )
            shown.update("warm-up", step + 1, num_warmup)
        settings = adaptation.freeze() if num_warmup and adaptation else {}
        warmup_seconds, before = time.perf_counter() - started, run.compile_seconds
        warmup_counts = run.take_counts()
        blocks = run.sample(state, num_steps=num_steps, seed=fold_in(seed, "sample"))
        seconds = {"compile": run.compile_seconds, "warmup": warmup_seconds - before}
        seconds["sample"] = run.seconds
    shown.close()
    columns = [np.concatenate(column) for column in zip(*blocks, strict=True)]
    x, log_prob_x, acceptance, part, _, _ = columns
    theta, log_det = space.to_theta(x.reshape(-1, space.event_size))
    return Chains(
        theta.reshape(x.shape),
        log_prob_x - log_det.reshape(log_prob_x.shape),
        acceptance,
        part,
        run.take_counts(),
        warmup_counts,
        settings,
        seconds,
    )


class _Run:
    """Advances the runner and keeps its books."""

    def __init__(self, runner: Any, space: Space, progress: Progress) -> None:
        self._runner, self._space, self._progress = runner, space, progress
        self._counts = dict.fromkeys(COUNTS, 0)
        self.seconds = 0.0

    @property
    def compile_seconds(self) -> float:
        return self._runner.compile_seconds

    def advance(self, state: Any, *, first: int, count: int, seed: Any) -> tuple:
        """Take some steps; count them, and raise for bad values."""
        state, block, tally = self._runner.run(
            state, first=first, count=count, seed=seed
        )
        for name, number in enter_tally(tally, self._space).items():
            self._counts[name] += number
        return state, block

    def sample(self, state: Any, *, num_steps: int, seed: Any) -> list:
        """Take the recorded steps, block by block."""
        blocks, done = [], 0
        before, started = self.compile_seconds, time.perf_counter()
        while done < num_steps:
            count = min(self._runner.capacity, num_steps - done)
            state, block = self.advance(state, first=done, count=count, seed=seed)
            blocks.append(block)
            done += count
            rate = {"acceptance": float(block.acceptance.mean())}
            self._progress.update("sample", done, num_steps, rate)
        elapsed = time.perf_counter() - started
        self.seconds = elapsed - (self.compile_seconds - before)
        return blocks

    def take_counts(self) -> dict[str, int]:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, dict.fromkeys(COUNTS, 0)
        return counts


def _check(kernel: Any, target: Any, num_steps: Any, num_warmup: Any) -> None:
    check_kernel(kernel, name="kernel")
    check_target(target)
    check_positive_integer(num_steps, name="num_steps")
    check_positive_integer(num_warmup, name="num_warmup", minimum=0)


def _checked(kernel: Any, state: Any, log_prob: np.ndarray) -> Any:
    """Return the first state if chains can go on from it.

    Raises:
        ConfigurationError: A kernel of TFP's works on another target.
        TargetError: A gradient is not finite.
        ModelError: The model cannot score a start, or does not return it.
    """
    check_state(state)
    for part in getattr(kernel, "kernels", [kernel]):
        if hasattr(part, "check_agreement"):
            part.check_agreement(state.position, log_prob)
    return state


def _start(space: Space, initial: Any) -> tuple[np.ndarray, np.ndarray]:
    theta = np.asarray(initial, np.float64)
    if theta.ndim != 2 or theta.shape[1] != space.event_size or not len(theta):
        raise ConfigurationError(
            f"`initial` must have shape [num_chains, {space.event_size}]; got "
            f"{list(theta.shape)}."
        )
    position = space.from_theta(theta)
    log_prob = space.log_prob(position)
    if not np.isfinite(position).all() or not np.isfinite(log_prob).all():
        bad = ~(np.isfinite(position).all(axis=1) & np.isfinite(log_prob))
        index = int(np.flatnonzero(bad)[0])
        raise ConfigurationError(
            "`initial` must lie where the density is positive, inside the bounds; "
            f"{int(bad.sum())} of {len(bad)} points do not, first number {index}: "
            f"{theta[index].tolist()}."
        )
    return position, log_prob
