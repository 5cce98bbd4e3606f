"""`flowmc.sample_smc`: from the prior to the posterior and its evidence."""

__all__ = ["sample_smc"]

import os
from collections.abc import Callable
from typing import Any

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.progress import make_progress
from flowmc.core.seeds import root_seed
from flowmc.results.posterior import Posterior
from flowmc.sampling.budget import Budget
from flowmc.sampling.device import place
from flowmc.sampling.engine import Engine
from flowmc.sampling.latent import is_latent
from flowmc.sampling.local_kernels import check_local
from flowmc.sampling.sample import (
    DEFAULT_MODEL,
    described,
    first_state,
    identity_of,
    kept_reasons,
)
from flowmc.sampling.sample_arguments import (
    check_model_and_limits,
    check_resumable,
    check_target,
)
from flowmc.sampling.saver import Saver
from flowmc.sampling.settings import Schedule, smc_schedule
from flowmc.sampling.smc_assemble import assemble_smc
from flowmc.sampling.smc_loop import run_smc
from flowmc.sampling.smc_settings import (
    affordable,
    chains_for,
    smc_kernel,
)
from flowmc.sampling.space import Space
from flowmc.targets.target import Target


def sample_smc(
    target: Target,
    *,
    num_particles: int = 1024,
    num_draws: int = 4000,
    model: Any = "auto",
    kernel: str = "auto",
    target_ess: float | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    device: str = "auto",
    schedule: Schedule | None = None,
    seed: Any = 0,
    progress: Any = False,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    should_stop: Callable[[], bool] | None = None,
) -> Posterior:
    """Anneal from the prior to the posterior, then draw from what was learned.

    Particles pass through adaptive temperatures, moved by local steps and by jumps
    from a map that follows them; at the target the map is fitted to all states, frozen,
    and drawn from until the weighted draws are worth `target_ess` independent ones.

    Args:
        target: What to sample: with a prior, or with finite bounds.
        num_particles: States at each temperature, and about its evaluations.
        num_draws: Draws of equal weight that are returned.
        model: As for `sample`; it needs a density, so no VAE.
        kernel: The local kernel, as for `sample`.
        target_ess: Effective number (Kish's) of the weighted draws; `num_draws` by
            default.
        max_evaluations: Most evaluations of the log-density and of its gradient; a
            small budget gets fewer particles.
        max_seconds: Most seconds; draws then depend on the machine.
        device: "auto" (a GPU where there is one), "cpu" or "gpu".
        schedule: Settings of sweeps, annealing and training; the windows of `sample`
            play no part.
        seed: Integer; the same seed gives the same draws on the same machine.
        progress: False, True (bars on a terminal), or a callable.
        checkpoint: File that holds the run's state; written now and then.
        resume: Continue the run in `checkpoint`, to the same draws as if it had not
            been interrupted; start it if there is none.
        should_stop: Asked between units of work; True saves the state and stops.

    Returns:
        The posterior: `theta` `[num_draws, 1, D]` by resampling, `weighted` draws,
        evidence, verdict and costs.

    Raises:
        ConfigurationError: An argument is unusable, or there is nothing to anneal from.
        InitialPositionError: No draw of the prior has any density.
        LogProbError: The log-density gave NaN or +inf, or raised.
        CheckpointMismatchError: `resume` with another target or other settings.
        InterruptedRunError: Stopped by `should_stop` or Ctrl-C, state saved.
    """
    check_target(target)
    limits = target_ess, max_evaluations, max_seconds
    check_model_and_limits(target, model, schedule, limits)
    _check_rest(target, num_draws, num_particles, kernel)
    check_resumable(resume, checkpoint)
    settings, bar = schedule or smc_schedule(), make_progress(progress)
    particles = affordable(num_particles, settings, max_evaluations)
    chains = chains_for(particles, settings)
    chosen = smc_kernel(kernel, target, limit=max_evaluations, num_chains=chains)
    config = {
        "sampler": "smc",
        "num_draws": num_draws,
        "num_particles": num_particles,
        "kernel": kernel,
        "reproducible": max_seconds is None,
        **described(model, seed, settings),
    }
    with place(device):
        engine = Engine(
            _space_of(target),
            model=DEFAULT_MODEL if model == "auto" else model,
            kernel=chosen,
            schedule=settings,
            num_chains=chains,
            seed=root_seed(seed),
            progress=bar if progress else False,
            is_free_to_choose=isinstance(model, str) and model == "auto",
        )
        _check_density(engine)
        told = config | {"max_evaluations": max_evaluations}
        identity = identity_of(told, target, model) if checkpoint else {}
        saver = Saver(checkpoint, identity=identity)
        state = first_state(saver, engine, resume=resume)
        budget = Budget(num_draws, *limits, should_stop)
        around: Any = {"budget": budget, "saver": saver, "bar": bar}
        state, reasons = run_smc(engine, state, **around)
        reasons = kept_reasons(reasons, config, state, target_ess=target_ess)
        return assemble_smc(
            engine, state, num_draws=num_draws, config=config, reasons=reasons
        )


def _check_rest(target: Any, num_draws: Any, num_particles: Any, kernel: Any) -> None:
    check_positive_integer(num_draws, name="num_draws")
    check_positive_integer(num_particles, name="num_particles")
    check_local(kernel, target)


def _space_of(target: Target) -> Space:
    """Return the target in unbounded coordinates, if it can be annealed to."""
    space = Space(target)
    if not space.has_reference:
        names = ", ".join(space.target.names[:4])
        raise ConfigurationError(
            "`sample_smc` begins with draws of a prior or of finite bounds; this "
            f"target, of {names}, has neither. Pass `log_likelihood_fn` with `prior`, "
            "or finite `bounds`; or use `flowmc.sample`."
        )
    return space


def _check_density(engine: Engine) -> None:
    if is_latent(engine.learner.network):
        raise ConfigurationError(
            "`model` must have a density that weighs its draws; a "
            f"{engine.learner.family} has none. Use a flow, or `flowmc.sample`."
        )
