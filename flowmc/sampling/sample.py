"""`flowmc.sample`: adaptive flow MCMC from a target to a judged posterior."""

__all__ = [
    "DEFAULT_MODEL",
    "described",
    "first_state",
    "identity_of",
    "kept_reasons",
    "sample",
]

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from flowmc.core.errors import CheckpointMismatchError
from flowmc.core.progress import make_progress
from flowmc.core.seeds import root_seed
from flowmc.models.saving import to_saved
from flowmc.results.files import MissingFileError
from flowmc.results.posterior import Posterior
from flowmc.sampling.adaptive import run_adaptive
from flowmc.sampling.assemble import assemble
from flowmc.sampling.budget import Budget
from flowmc.sampling.device import place
from flowmc.sampling.engine import Engine
from flowmc.sampling.local_kernels import choose_local
from flowmc.sampling.sample_arguments import (
    check_model_and_limits,
    check_resumable,
    check_sampled,
)
from flowmc.sampling.saver import Saver, digest
from flowmc.sampling.settings import Schedule, default_schedule, within_budget
from flowmc.sampling.space import Space
from flowmc.sampling.state import RunState
from flowmc.sampling.warmup import KERNEL_NAMES
from flowmc.targets.target import Target

DEFAULT_MODEL = "maf"
LEAST_FIRST = 32  # draws of the reference that an annealing can start from


def sample(
    target: Target,
    *,
    num_draws: int = 1000,
    num_chains: int = 64,
    model: Any = "auto",
    kernel: str = "auto",
    initial: Any = None,
    schedule: Schedule | None = None,
    target_ess: float | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    device: Any = "auto",
    seed: Any = 0,
    progress: Any = False,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> Posterior:
    """Sample a posterior: anneal, learn while sampling, freeze, produce, judge.

    Only draws of the frozen phase are reported; those made while adapting are in
    `posterior.warmup`.

    Args:
        target: What to sample.
        num_draws: Draws of each chain.
        num_chains: Chains, moved together.
        model: "auto" (none where normal laws of the draws' clusters suffice, else a
            `maf`, or another family where jumps from it fare badly), a family name, or
            a model of `flowmc.models`, copied.
        kernel: The local kernel run in the model's base space: "random_walk", "t_pcn",
            "elliptical_slice", "stretch" (chains along lines through one another), or
            with gradients "mala", "hmc" or "nuts".  "auto" is
            HMC in the affine map's coordinates for targets in TensorFlow, else t_pcn.
            For a VAE those without gradients mean `latent_walk`, the others
            `latent_hmc` with that kernel inside.
        initial: Starting positions theta `[n, D]`; None anneals from the prior.
        schedule: Settings of warm-up and training; defaults fit most problems.
        target_ess: Go on until the smallest bulk ESS is at least this.
        max_evaluations: Most evaluations of the log-density and of its gradient,
            warm-up included, of which learning gets at most four fifths.
        max_seconds: Most seconds, of which learning gets at most four fifths; draws
            then depend on the machine.
        device: "auto" (a GPU where there is one), "cpu", "gpu", or a
            tf.distribute.MirroredStrategy, over whose devices the chains are split.
        seed: Integer; the same seed gives the same draws on the same machine.
        progress: False, True (bars on a terminal), or a callable.
        checkpoint: File that holds the run's state; written now and then.
        resume: Continue the run in `checkpoint`, to the same draws as if it had not
            been interrupted; start it if there is none.
        should_stop: Asked between blocks; True saves the state and stops.

    Returns:
        The posterior with diagnostics, evidence, verdict and costs.

    Raises:
        ConfigurationError: An argument is unusable.
        LogProbError: The log-density gave NaN or +inf, or raised.
        CheckpointMismatchError: `resume` with another target or other settings.
        InterruptedRunError: Stopped by `should_stop` or Ctrl-C, state saved.
    """
    check_sampled(target, num_draws, num_chains, kernel)
    check_resumable(resume, checkpoint)
    limits = target_ess, max_evaluations, max_seconds
    check_model_and_limits(target, model, schedule, limits)
    settings = _settings(schedule, target, num_chains, max_evaluations)
    config = {
        "num_draws": num_draws,
        "num_chains": num_chains,
        "kernel": kernel,
        "reproducible": max_seconds is None and settings.shares_by == "counts",
        **described(model, seed, settings),
    }
    bar = make_progress(progress)
    local = choose_local(kernel, target, limit=max_evaluations, num_chains=num_chains)
    with place(device, can_split=True) as devices:
        space = Space(target)
        engine = Engine(
            space,
            model=DEFAULT_MODEL if model == "auto" else model,
            kernel=local,
            schedule=settings,
            num_chains=num_chains,
            seed=root_seed(seed),
            progress=bar if progress else False,
            devices=devices,
            is_free_to_choose=isinstance(model, str) and model == "auto",
        )
        config["num_replicas"] = len(devices)  # draws depend on it
        budget = Budget(num_draws, *limits, should_stop)
        told = config | {"max_evaluations": max_evaluations}
        identity = identity_of(told, target, model, initial) if checkpoint else {}
        saver = Saver(checkpoint, identity=identity)
        state = first_state(saver, engine, resume=resume)
        state, reasons = run_adaptive(
            engine, state, initial=initial, budget=budget, saver=saver, progress=bar
        )
        reasons = kept_reasons(reasons, config, state, target_ess=target_ess)
        reasons += _reasons_of_start(space, initial, state)
        wanted = None if target_ess or max_seconds else num_draws
        return assemble(engine, state, num_draws=wanted, config=config, reasons=reasons)


def _settings(
    schedule: Schedule | None, target: Target, num_chains: int, limit: int | None
) -> Schedule:
    """Return the settings in force: a budget bounds the user's own as well."""
    usual = default_schedule(num_chains, event_size=target.event_size)
    return within_budget(schedule or usual, num_chains, limit)


def kept_reasons(
    reasons: list[str], config: dict, state: RunState, *, target_ess: Any
) -> list[str]:
    """Return the reasons that count; fewer draws than asked for are not worse ones.

    What is no reason goes into `config`: that a limit ended the run, or that a clock
    had a say in it.
    """
    config["reproducible"] &= not state.is_clocked
    if reasons and target_ess is None:
        config["cut_short"], reasons = reasons[0], []
    return reasons


def described(model: Any, seed: Any, settings: Schedule) -> dict[str, Any]:
    """Return what the configuration says of model, seed and schedule."""
    return {
        "model": model if isinstance(model, str) else model.description,
        "kernel_names": list(KERNEL_NAMES),
        "seed": np.asarray(seed).tolist(),  # as given
        "schedule": asdict(settings),
    }


def identity_of(
    config: dict, target: Target, model: Any, initial: Any = None
) -> dict[str, Any]:
    """Return what must be equal for a run to continue another one."""
    words = [int(word) for word in root_seed(config["seed"])]
    identity = {**config, "seed": words, "target": target.fingerprint()}
    identity["initial"] = None if initial is None else digest(initial)
    if not isinstance(model, str):
        identity["weights"] = digest(*to_saved(model).arrays.values())
    # A longer or shorter run of the same chains is the same run.
    for name in ("num_draws", "reproducible"):
        identity.pop(name)
    return identity


def first_state(saver: Saver, engine: Engine, *, resume: bool) -> RunState:
    """Return the state to go on from, the stored one if it is to be resumed."""
    if not resume:
        return RunState()
    try:
        state = saver.load()
    except MissingFileError:
        return RunState()
    if state.position is not None and state.phase != "anneal":
        chains = engine.num_chains
        if len(state.position) != chains:
            raise CheckpointMismatchError(
                f"The checkpoint holds {len(state.position)} chains; this run has "
                f"{chains}. Use the same `num_chains`."
            )
    engine.restore(state)
    return state


def _reasons_of_start(space: Space, initial: Any, state: RunState) -> list[str]:
    reached = state.history[0].settings.get("inverse_temperature", 1.0)
    if reached < 1.0:
        return [
            "The annealed start must reach the target, at inverse temperature 1; it "
            f"stopped at {reached:.2g}. Raise `max_evaluations` or "
            "`schedule.anneal.max_levels`."
        ]
    reasons = []
    if initial is not None and len(np.unique(np.atleast_2d(initial), axis=0)) < 2:
        reasons.append(
            "Chains must start from more than one point; all started from one. Give "
            "`initial` a spread of at least the posterior's, or leave it out."
        )
    first = state.history[0].settings.get("first_draws", LEAST_FIRST)
    if first < LEAST_FIRST:
        reasons.append(
            f"At least {LEAST_FIRST} draws of the reference must have a density; only "
            f"{first:.0f} had. Narrow the prior or the bounds, or give `initial`."
        )
    searched = state.modes.get("scout_inverse_temperature", 0.0) >= 1.0
    if space.has_reference and (initial is None or searched):
        return reasons
    started = "at `initial`" if initial is not None else "from a default reference"
    return [
        *reasons,
        "Modes outside the starting region were not looked for: the chains started "
        f"{started}. Give a `prior` or finite `bounds`, which a second group can be "
        "annealed from.",
    ]
