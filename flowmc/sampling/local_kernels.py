"""The local kernels a sampler can run in the flow's space, and where they start."""

__all__ = ["LOCAL_KERNELS", "check_local", "first_step_size", "make_local"]

import math
from typing import Any

from flowmc import kernels
from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import TransportModel
from flowmc.targets.target import Target

# First step sizes on a standard normal, from the optimal scaling with dimension
# (Roberts and Rosenthal 2001, doi:10.1214/ss/1015346320); warm-up does the rest.
LOCAL_KERNELS = {
    "random_walk": lambda size: 2.38 / math.sqrt(size),
    "t_pcn": lambda size: min(0.9, 1.5 / math.sqrt(size)),
    "elliptical_slice": None,
    "mala": lambda size: 1.5 * size ** (-1 / 6),
    "hmc": lambda size: 1.2 * size ** (-1 / 4),
    "nuts": lambda size: 1.2 * size ** (-1 / 4),
}
WITH_GRADIENT = ("mala", "hmc", "nuts")
WITHOUT_CIRCLES = ("t_pcn", "elliptical_slice")


def check_local(name: str, target: Target) -> None:
    """Check that the target has what the kernel `name` needs.

    Raises:
        ConfigurationError: Unknown name, or a target without gradient.
    """
    check_choice(name, name="kernel", choices=("auto", *LOCAL_KERNELS))
    if name in WITH_GRADIENT and not target.has_gradient:
        raise ConfigurationError(
            f'`kernel="{name}"` needs the gradient of the log-density; this target is '
            "in NumPy and has none. Give it `value_and_gradient_fn`, write it in "
            "TensorFlow, or use random_walk, t_pcn or elliptical_slice."
        )


def first_step_size(name: str, event_size: int) -> float:
    """Return the step size to start warm-up with; 1 for a kernel without."""
    rule: Any = LOCAL_KERNELS[name]
    return 1.0 if rule is None else float(rule(event_size))


def make_local(name: str, model: TransportModel) -> Any:
    """Build the kernel `name` in the base space of `model`."""
    options: dict[str, Any] = {}
    if LOCAL_KERNELS[name] is not None:
        options["step_size"] = first_step_size(name, model.event_size)
    if name in WITHOUT_CIRCLES:
        kinds: Any = getattr(model, "base_kind", ())
        if "circle" in kinds:
            options["circular"] = [kind == "circle" for kind in kinds]
    inner = kernels.make(name, **options)
    # The gate and the end of the run look whether points come back; doing it at each
    # step would cost another pass, or five where the inverse is the slow direction.
    return kernels.make(
        "preconditioned", model=model, inner=inner, max_round_trip_error=None
    )
