"""The kernels a sampler runs around the map in force, and where they start.

For a flow the local kernel runs in its base space; a VAE has kernels of its own, on its
codes and noise.
"""

__all__ = [
    "LOCAL_KERNELS",
    "check_local",
    "choose_local",
    "first_step_size",
    "for_annealing",
    "local_name",
    "make_jump",
    "make_local",
    "most_evaluations",
    "tuned_part",
]

import math
from collections.abc import Callable
from typing import Any

from flowmc import kernels
from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError
from flowmc.sampling.latent import is_latent
from flowmc.sampling.settings import JUMPS, Schedule
from flowmc.targets.target import Target

# First step sizes on a standard normal, from the optimal scaling with dimension
# (Roberts and Rosenthal 2001, doi:10.1214/ss/1015346320); warm-up does the rest.
LOCAL_KERNELS: dict[str, Callable[[int], float] | None] = {
    "random_walk": lambda size: 2.38 / math.sqrt(size),
    "t_pcn": lambda size: min(0.9, 1.5 / math.sqrt(size)),
    "elliptical_slice": None,
    "stretch": None,
    "mala": lambda size: 1.5 * size ** (-1 / 6),
    "hmc": lambda size: 1.2 * size ** (-1 / 4),
    "nuts": lambda size: 1.2 * size ** (-1 / 4),
}
WITH_GRADIENT = ("mala", "hmc", "nuts")
WITH_JITTER = ("random_walk", "t_pcn", "hmc")
WITHOUT_CIRCLES = ("t_pcn", "elliptical_slice")
IN_AFFINE = "@affine"  # the local kernel's coordinates, whatever map the jumps have
LEAST_BUDGET = 3000  # evaluations a chain, below which "auto" takes no trajectories
MOST_LEAPFROGS = 10  # of those: jumps are there for what is far
MOST_DOUBLINGS = 6  # of NUTS: up to 63 leapfrog steps, for the same reason
JITTER = 3.0  # local steps are shrunk by up to a factor of 20, for chains in bad places
LATENT = {"latent_walk": lambda size: min(0.9, 1.5 / math.sqrt(size))}


def check_local(name: str, target: Target) -> None:
    """Check that the target has what the kernel `name` needs.

    Raises:
        ConfigurationError: Unknown name, or a target without gradient.
    """
    if name in JUMPS:
        raise ConfigurationError(
            f'`kernel` must name the local steps; got "{name}", a kind of jumps, which '
            f'come beside them: pass `schedule` with `jump="{name}"`.'
        )
    check_choice(name, name="kernel", choices=("auto", *LOCAL_KERNELS))
    if name in WITH_GRADIENT and not target.has_gradient:
        raise ConfigurationError(
            f'`kernel="{name}"` needs the gradient of the log-density; this target is '
            "in NumPy and has none. Give it `value_and_gradient_fn`, write it in "
            "TensorFlow, or use random_walk, t_pcn, stretch or elliptical_slice."
        )


def choose_local(
    name: str, target: Target, *, limit: int | None = None, num_chains: int = 1
) -> str:
    """Return the local kernel that "auto" means for `target`; other names as they are.

    A leapfrog step through an autoregressive map costs a hundred times one through the
    affine map, and jumps already carry the network's knowledge: with gradients the
    trajectories are straight ones in whitened coordinates.  A small budget cannot pay
    for trajectories.

    Args:
        name: What the user asked for.
        target: What is sampled.
        limit: Most evaluations, gradients among them; None for no limit.
        num_chains: Chains that share them.
    """
    if name != "auto":
        return name
    is_smooth = target.backend == "tensorflow" and target.has_gradient
    can_pay = limit is None or limit >= LEAST_BUDGET * num_chains
    return f"hmc{IN_AFFINE}" if is_smooth and can_pay else "t_pcn"


def local_name(name: str, model: Any) -> str:
    """Return the kernel that does for `model` what the user chose."""
    if not is_latent(model):
        return name
    name = name.removesuffix(IN_AFFINE)
    return f"latent_hmc:{name}" if name in WITH_GRADIENT else "latent_walk"


def for_annealing(name: str, target: Target) -> str:
    """Return the local kernel while annealing: host references have no gradient."""
    has_gradient = name.removesuffix(IN_AFFINE) in WITH_GRADIENT
    return "t_pcn" if has_gradient and target.backend != "tensorflow" else name


def first_step_size(name: str, event_size: int) -> float:
    """Return the step size to start warm-up with; 1 for a kernel without."""
    plain = name.removeprefix("latent_hmc:").removesuffix(IN_AFFINE)
    rule = {**LOCAL_KERNELS, **LATENT}[plain]
    return 1.0 if rule is None else float(rule(event_size))


def make_local(name: str, model: Any, affine: Any) -> Any:
    """Build the local kernel `name`, as `local_name` gave it.

    Args:
        name: Its name.
        model: The map in force.
        affine: The affine map, for kernels that keep to it.
    """
    size = model.event_size
    is_affine = name.endswith(IN_AFFINE)
    if is_affine:
        model, name = affine, name.removesuffix(IN_AFFINE)
    if name == "latent_walk":
        step_size = first_step_size(name, size)
        return kernels.make(name, model=model, step_size=step_size)
    if is_latent(model):
        inner = _make_inner(name.removeprefix("latent_hmc:"), model)
        return kernels.make("latent_hmc", model=model, inner=inner)
    # The gate and the end of the run look whether points come back; doing it at each
    # step would cost another pass, or five where the inverse is the slow direction.
    return kernels.make(
        "preconditioned",
        model=model,
        inner=_make_inner(name, model, is_affine=is_affine),
        max_round_trip_error=None,
    )


def make_jump(model: Any, proposal: Any, schedule: Schedule) -> Any:
    """Build the kernel of jumps.

    Args:
        model: The map in force.
        proposal: Its defensive mixture; of a VAE the heavy tails alone.
        schedule: The run's settings.
    """
    num_steps = schedule.num_jumps
    if schedule.jump == "multiple_try":
        if is_latent(model):
            raise ConfigurationError(
                '`schedule.jump` must be "independence" for a VAE, whose proposals '
                'have no density to choose by; got "multiple_try".'
            )
        return kernels.make("multiple_try", model=proposal, num_proposals=num_steps)
    if not is_latent(model):
        return kernels.make("independence", model=proposal, num_steps=num_steps)
    return kernels.make(
        "latent_independence",
        model=model,
        num_importance=schedule.num_importance,
        num_steps=num_steps,
        defensive=proposal,
        defensive_weight=schedule.defensive_weight,
    )


def tuned_part(kernel: Any) -> Any:
    """Return the part of a local kernel that has the step size, if any has."""
    return getattr(kernel, "inner", kernel)


def most_evaluations(kernel: Any) -> int:
    """Return the most evaluations that one step of a local kernel takes, by chain."""
    most = getattr(tuned_part(kernel), "max_evaluations", 1)
    return most + getattr(kernel, "gradients_at_step", 0)


def _make_inner(name: str, model: Any, *, is_affine: bool = False) -> Any:
    options: dict[str, Any] = {}
    if LOCAL_KERNELS[name] is not None:
        options["step_size"] = first_step_size(name, model.event_size)
    if is_affine and name == "hmc":
        options["max_leapfrog_steps"] = MOST_LEAPFROGS
    if name == "nuts":
        options["max_tree_depth"] = MOST_DOUBLINGS
    if name in WITH_JITTER:
        options["jitter"] = JITTER
    if name in WITHOUT_CIRCLES:
        kinds: Any = getattr(model, "base_kind", ())
        if "circle" in kinds:
            options["circular"] = [kind == "circle" for kind in kinds]
    return kernels.make(name, **options)
