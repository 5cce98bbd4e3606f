"""How `sample_smc` lays out its work: chains, sweeps, and what a temperature costs."""

__all__ = ["affordable", "chains_for", "smc_kernel"]

from flowmc.core.errors import ConfigurationError
from flowmc.sampling.local_kernels import IN_AFFINE, choose_local
from flowmc.sampling.settings import Schedule
from flowmc.targets.target import Target

LEAST_CHAINS = 8  # resampled at each temperature
LEAST_UNITS = 8  # temperatures that a budget must have room for, with fewest particles
TEMPERATURES = 20  # that particles are to be carried through by a budget


def chains_for(num_particles: int, schedule: Schedule) -> int:
    """Return how many chains make `num_particles` evaluations in a sweep.

    Args:
        num_particles: Evaluations at one temperature, at least; states, too, unless
            one of many jumps is chosen.
        schedule: Its sweeps.

    Raises:
        ConfigurationError: So few particles carry no distribution.
    """
    sweep = schedule.num_local + schedule.num_jumps
    least = LEAST_CHAINS * sweep
    if num_particles < least:
        raise ConfigurationError(
            f"`num_particles` must be at least {least}, {LEAST_CHAINS} chains of "
            f"{sweep} states each; got {num_particles}. Use the default, 1024, or a "
            "schedule with shorter sweeps."
        )
    return -(-num_particles // sweep)


def smc_kernel(name: str, target: Target, *, limit: int | None, num_chains: int) -> str:
    """Return the local kernel: "auto" is as in `sample`, in whitened coordinates.

    A flow's coordinates would keep local steps to what the flow has seen already.
    """
    chosen = choose_local(name, target, limit=limit, num_chains=num_chains)
    return f"{chosen}{IN_AFFINE}" if name == "auto" and chosen == "t_pcn" else chosen


def affordable(num_particles: int, schedule: Schedule, limit: int | None) -> int:
    """Return the particles that a budget leaves room for.

    Args:
        num_particles: Wanted.
        schedule: Its sweeps.
        limit: Most evaluations, None for no limit.

    Raises:
        ConfigurationError: The budget is too small for any.
    """
    if limit is None:
        return num_particles
    least = LEAST_CHAINS * (schedule.num_local + schedule.num_jumps)
    if limit < LEAST_UNITS * least:
        raise ConfigurationError(
            f"`max_evaluations` must be at least {LEAST_UNITS * least}, for a few "
            f"temperatures of {least} particles; got {limit}. Raise it."
        )
    return min(num_particles, max(least, limit // TEMPERATURES))
