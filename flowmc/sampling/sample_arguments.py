"""Checks of what `flowmc.sample` was given, before anything is compiled."""

__all__ = [
    "check_model_and_limits",
    "check_resumable",
    "check_sampled",
    "check_target",
]

from typing import Any

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.sampling.local_kernels import check_local
from flowmc.sampling.settings import Schedule
from flowmc.targets.target import Target


def check_target(target: Any) -> None:
    """Check that the target is one."""
    if not isinstance(target, Target):
        raise ConfigurationError(
            f"`target` must be a flowmc.Target; got {type(target).__name__}. Wrap the "
            "log-density: flowmc.Target(log_prob_fn, names=[...])."
        )


def check_sampled(target: Any, num_draws: Any, num_chains: Any, kernel: Any) -> None:
    """Check the target, the numbers and the kernel's name."""
    check_target(target)
    check_positive_integer(num_draws, name="num_draws")
    check_positive_integer(num_chains, name="num_chains", minimum=2)
    check_local(kernel, target)


def check_resumable(resume: bool, checkpoint: Any) -> None:
    """Check that there is a file to continue from."""
    if resume and checkpoint is None:
        raise ConfigurationError(
            "`resume=True` needs `checkpoint`: the file to continue from; got none."
        )


def check_model_and_limits(
    target: Target, model: Any, schedule: Any, limits: tuple
) -> None:
    """Check the model, the schedule, and ESS, evaluations and seconds."""
    if schedule is not None and not isinstance(schedule, Schedule):
        raise ConfigurationError(
            f"`schedule` must be a flowmc.Schedule; got {type(schedule).__name__}."
        )
    names = ("target_ess", "max_evaluations", "max_seconds")
    for name, value in zip(names, limits, strict=True):
        if value is not None and not value > 0:
            raise ConfigurationError(f"`{name}` must be positive; got {value!r}.")
    if isinstance(model, str):
        return
    if not hasattr(model, "description") or not hasattr(model, "event_size"):
        raise ConfigurationError(
            "`model` must be a family name or a model of flowmc.models; got "
            f"{type(model).__name__}."
        )
    if model.event_size != target.event_size:
        raise ConfigurationError(
            f"`model` must have the target's {target.event_size} dimensions; it has "
            f"{model.event_size}."
        )
    if any(getattr(model, "periodic", ())):
        raise ConfigurationError(
            "`model` must have no `periodic` coordinates here: the sampler works in "
            "unbounded ones. Make it without."
        )
